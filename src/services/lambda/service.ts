/** AWS Lambda: functions, their versions and aliases, invocations, layers, event source mappings. Code is run by a port (`ports.ts`). */

import { defineService, type Permission, type Service } from "../service.ts";
import { createAlias, deleteAlias, getAlias, listAliases, updateAlias } from "./aliases.ts";
import { type AcceptedInvocation, attempt, INVOCATION_ACCEPTED } from "./asynchronous.ts";
import { codeFront } from "./code.ts";
import {
  deleteFunctionConcurrency,
  getAccountSettings,
  getFunctionConcurrency,
  putFunctionConcurrency,
} from "./concurrency.ts";
import {
  createFunction,
  deleteFunction,
  getFunction,
  getFunctionCodeSigningConfig,
  getFunctionConfiguration,
  getRuntimeManagementConfig,
  listFunctions,
  updateFunctionCode,
  updateFunctionConfiguration,
} from "./functions.ts";
import { invoke } from "./invoke.ts";
import {
  deleteFunctionEventInvokeConfig,
  getFunctionEventInvokeConfig,
  listFunctionEventInvokeConfigs,
  putFunctionEventInvokeConfig,
  updateFunctionEventInvokeConfig,
} from "./invoke-configs.ts";
import {
  deleteLayerVersion,
  getLayerVersion,
  getLayerVersionByArn,
  listLayers,
  listLayerVersions,
  publishLayerVersion,
} from "./layers.ts";
import { createLogRelay } from "./log-relay.ts";
import {
  createEventSourceMapping,
  deleteEventSourceMapping,
  getEventSourceMapping,
  listEventSourceMappings,
  MAPPING_CHANGED,
  type MappingChange,
  updateEventSourceMapping,
} from "./mappings.ts";
import { Running } from "./metering.ts";
import { functionArn, locate, mappingArn } from "./names.ts";
import { addPermission, getPolicy, removePermission, resourcePolicy } from "./permissions.ts";
import { createPollers } from "./pollers.ts";
import type { LambdaPorts } from "./ports.ts";
import {
  deleteProvisionedConcurrencyConfig,
  getProvisionedConcurrencyConfig,
  listProvisionedConcurrencyConfigs,
  PROVISIONED_CHANGED,
  type ProvisionedChange,
  putProvisionedConcurrencyConfig,
} from "./provisioned.ts";
import { createProvisioner } from "./provisioner.ts";
import { resourcesOf } from "./resources.ts";
import { createRoles } from "./roles.ts";
import type { Place } from "./state.ts";
import { type Functions, storedHashes } from "./stored.ts";
import { invokeWithResponseStream } from "./streaming.ts";
import { listTags, tagResource, untagResource } from "./tags.ts";
import { urlFronts } from "./url-front.ts";
import {
  createFunctionUrlConfig,
  deleteFunctionUrlConfig,
  getFunctionUrlConfig,
  listFunctionUrlConfigs,
  updateFunctionUrlConfig,
} from "./urls.ts";
import { listVersionsByFunction, publishVersion } from "./versions.ts";

/** Invocations from the asynchronous queue at once; the host's concurrency limits hold beneath it. */
const ASYNCHRONOUS_CONCURRENCY = 1000;

interface Named {
  readonly FunctionName?: string | undefined;
  readonly Qualifier?: string | undefined;
}

/** A permission on the function that an input names. Input that names none is refused by the operation itself. */
const onFunction =
  (action: string) =>
  (input: Named, at: Place): Permission => ({ action: `lambda:${action}`, resource: resourceOf(input, at) });

/** Whoever gives a function a role must be allowed to. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html */
const passingRole =
  (action: string) =>
  (input: Named & { readonly Role?: string | undefined }, at: Place): readonly Permission[] => {
    const permission = onFunction(action)(input, at);
    if (input.Role === undefined) return [permission];
    const conditions = {
      "iam:PassedToService": "lambda.amazonaws.com",
      "iam:AssociatedResourceArn": permission.resource,
    };
    return [permission, { action: "iam:PassRole", resource: input.Role, conditions }];
  };

function resourceOf(input: Named, at: Place): string {
  try {
    const found = locate(input.FunctionName, at, input.Qualifier);
    return functionArn(found, found.qualifier);
  } catch {
    return "*";
  }
}

const onResource =
  (action: string) =>
  (input: { readonly Resource?: string | undefined }): Permission => ({
    action: `lambda:${action}`,
    resource: input.Resource ?? "*",
  });

const onMapping =
  (action: string) =>
  (input: { readonly UUID?: string | undefined }, at: Place): Permission => ({
    action: `lambda:${action}`,
    resource: mappingArn(at, input.UUID ?? ""),
  });

export function createLambda(ports: LambdaPorts): Service<"lambda"> {
  const relay = createLogRelay();
  const host = ports.openHost(relay.sink);
  const functions: Functions = { ports, host, roles: createRoles(), running: new Running() };
  const pollers = createPollers(functions);
  const provisioner = createProvisioner(functions);

  return defineService<"lambda">({
    name: "lambda",
    operations: {
      GetFunction: getFunction,
      GetFunctionConfiguration: getFunctionConfiguration,
      GetFunctionCodeSigningConfig: getFunctionCodeSigningConfig,
      GetRuntimeManagementConfig: getRuntimeManagementConfig,
      ListFunctions: listFunctions,
      DeleteFunction: deleteFunction(host),
      PublishVersion: publishVersion,
      ListVersionsByFunction: listVersionsByFunction,
      CreateAlias: createAlias,
      GetAlias: getAlias,
      UpdateAlias: updateAlias,
      DeleteAlias: deleteAlias,
      ListAliases: listAliases,
      AddPermission: addPermission,
      RemovePermission: removePermission,
      GetPolicy: getPolicy,
      TagResource: tagResource,
      UntagResource: untagResource,
      ListTags: listTags,
      PutFunctionConcurrency: putFunctionConcurrency,
      GetFunctionConcurrency: getFunctionConcurrency,
      DeleteFunctionConcurrency: deleteFunctionConcurrency,
      GetAccountSettings: getAccountSettings,
      PutProvisionedConcurrencyConfig: putProvisionedConcurrencyConfig,
      DeleteProvisionedConcurrencyConfig: deleteProvisionedConcurrencyConfig,
      PutFunctionEventInvokeConfig: putFunctionEventInvokeConfig,
      UpdateFunctionEventInvokeConfig: updateFunctionEventInvokeConfig,
      GetFunctionEventInvokeConfig: getFunctionEventInvokeConfig,
      DeleteFunctionEventInvokeConfig: deleteFunctionEventInvokeConfig,
      ListFunctionEventInvokeConfigs: listFunctionEventInvokeConfigs,
      CreateFunctionUrlConfig: createFunctionUrlConfig,
      GetFunctionUrlConfig: getFunctionUrlConfig,
      UpdateFunctionUrlConfig: updateFunctionUrlConfig,
      DeleteFunctionUrlConfig: deleteFunctionUrlConfig,
      ListFunctionUrlConfigs: listFunctionUrlConfigs,
      GetEventSourceMapping: getEventSourceMapping,
      ListEventSourceMappings: listEventSourceMappings,
      DeleteEventSourceMapping: deleteEventSourceMapping,
      GetLayerVersion: getLayerVersion,
      GetLayerVersionByArn: getLayerVersionByArn,
      ListLayers: listLayers,
      ListLayerVersions: listLayerVersions,
      DeleteLayerVersion: deleteLayerVersion,
    },
    flows: {
      CreateFunction: createFunction(functions),
      UpdateFunctionCode: updateFunctionCode(functions),
      UpdateFunctionConfiguration: updateFunctionConfiguration(functions),
      Invoke: invoke(functions),
      GetProvisionedConcurrencyConfig: getProvisionedConcurrencyConfig(host),
      ListProvisionedConcurrencyConfigs: listProvisionedConcurrencyConfigs(host),
      InvokeWithResponseStream: invokeWithResponseStream(functions),
      CreateEventSourceMapping: createEventSourceMapping(functions),
      UpdateEventSourceMapping: updateEventSourceMapping(functions),
      PublishLayerVersion: publishLayerVersion(ports),
    },
    unsupported: {
      CreateFunction: [
        "Code.ImageUri",
        "Code.SourceKMSKeyArn",
        "Code.S3ObjectStorageMode",
        "PublishTo",
        "KMSKeyArn",
        "FileSystemConfigs[]",
        "CodeSigningConfigArn",
        "ImageConfig",
        "TenancyConfig",
        "CapacityProviderConfig",
        "DurableConfig",
      ],
      UpdateFunctionCode: ["ImageUri", "PublishTo", "SourceKMSKeyArn", "S3ObjectStorageMode"],
      UpdateFunctionConfiguration: [
        "KMSKeyArn",
        "FileSystemConfigs[]",
        "ImageConfig",
        "CapacityProviderConfig",
        "DurableConfig",
      ],
      PublishVersion: ["PublishTo"],
      CreateEventSourceMapping: [
        "KMSKeyArn",
        "MetricsConfig",
        "LoggingConfig",
        "SourceAccessConfigurations[]",
        "AmazonManagedKafkaEventSourceConfig",
        "SelfManagedKafkaEventSourceConfig",
        "DocumentDBEventSourceConfig",
        "ProvisionedPollerConfig",
        "Topics[]",
        "Queues[]",
        "SelfManagedEventSource",
      ],
      UpdateEventSourceMapping: [
        "KMSKeyArn",
        "MetricsConfig",
        "LoggingConfig",
        "SourceAccessConfigurations[]",
        "AmazonManagedKafkaEventSourceConfig",
        "SelfManagedKafkaEventSourceConfig",
        "DocumentDBEventSourceConfig",
        "ProvisionedPollerConfig",
      ],
      Invoke: ["DurableExecutionName", "TenantId"],
      InvokeWithResponseStream: ["TenantId"],
      PublishLayerVersion: ["Content.S3ObjectStorageMode"],
    },
    permissions: {
      CreateFunction: passingRole("CreateFunction"),
      GetFunction: onFunction("GetFunction"),
      GetFunctionConfiguration: onFunction("GetFunctionConfiguration"),
      UpdateFunctionCode: onFunction("UpdateFunctionCode"),
      UpdateFunctionConfiguration: passingRole("UpdateFunctionConfiguration"),
      DeleteFunction: onFunction("DeleteFunction"),
      Invoke: onFunction("InvokeFunction"),
      InvokeWithResponseStream: onFunction("InvokeFunction"),
      GetFunctionCodeSigningConfig: onFunction("GetFunctionCodeSigningConfig"),
      GetRuntimeManagementConfig: onFunction("GetRuntimeManagementConfig"),
      PublishVersion: onFunction("PublishVersion"),
      CreateFunctionUrlConfig: onFunction("CreateFunctionUrlConfig"),
      GetFunctionUrlConfig: onFunction("GetFunctionUrlConfig"),
      UpdateFunctionUrlConfig: onFunction("UpdateFunctionUrlConfig"),
      DeleteFunctionUrlConfig: onFunction("DeleteFunctionUrlConfig"),
      ListFunctionUrlConfigs: onFunction("ListFunctionUrlConfigs"),
      GetEventSourceMapping: onMapping("GetEventSourceMapping"),
      UpdateEventSourceMapping: onMapping("UpdateEventSourceMapping"),
      DeleteEventSourceMapping: onMapping("DeleteEventSourceMapping"),
      ListVersionsByFunction: onFunction("ListVersionsByFunction"),
      CreateAlias: onFunction("CreateAlias"),
      GetAlias: onFunction("GetAlias"),
      UpdateAlias: onFunction("UpdateAlias"),
      DeleteAlias: onFunction("DeleteAlias"),
      ListAliases: onFunction("ListAliases"),
      AddPermission: onFunction("AddPermission"),
      RemovePermission: onFunction("RemovePermission"),
      GetPolicy: onFunction("GetPolicy"),
      TagResource: onResource("TagResource"),
      UntagResource: onResource("UntagResource"),
      ListTags: onResource("ListTags"),
      PutFunctionConcurrency: onFunction("PutFunctionConcurrency"),
      GetFunctionConcurrency: onFunction("GetFunctionConcurrency"),
      DeleteFunctionConcurrency: onFunction("DeleteFunctionConcurrency"),
      PutProvisionedConcurrencyConfig: onFunction("PutProvisionedConcurrencyConfig"),
      GetProvisionedConcurrencyConfig: onFunction("GetProvisionedConcurrencyConfig"),
      ListProvisionedConcurrencyConfigs: onFunction("ListProvisionedConcurrencyConfigs"),
      DeleteProvisionedConcurrencyConfig: onFunction("DeleteProvisionedConcurrencyConfig"),
      PutFunctionEventInvokeConfig: onFunction("PutFunctionEventInvokeConfig"),
      UpdateFunctionEventInvokeConfig: onFunction("UpdateFunctionEventInvokeConfig"),
      GetFunctionEventInvokeConfig: onFunction("GetFunctionEventInvokeConfig"),
      DeleteFunctionEventInvokeConfig: onFunction("DeleteFunctionEventInvokeConfig"),
      ListFunctionEventInvokeConfigs: onFunction("ListFunctionEventInvokeConfigs"),
    },
    resourcePolicy,
    hears: {
      [INVOCATION_ACCEPTED]: {
        flow: (flow, detail: AcceptedInvocation) => attempt(functions, flow, detail),
        concurrency: ASYNCHRONOUS_CONCURRENCY,
        laneOf: ({ at }: AcceptedInvocation) => functionArn(at, undefined),
      },
      // One at a time, so that the host is told the latest last.
      [PROVISIONED_CHANGED]: {
        flow: (flow, detail: ProvisionedChange) => provisioner.follow(flow, detail),
        concurrency: 1,
      },
      // One at a time, so that two changes of a mapping are followed in their order.
      [MAPPING_CHANGED]: { flow: (flow, detail: MappingChange) => pollers.follow(flow, detail), concurrency: 1 },
    },
    resources: resourcesOf(ports),
    fronts: [codeFront(ports), ...urlFronts(functions)],
    async start(flow) {
      relay.open(flow);
      await ports.packages.keep(await flow.write(storedHashes));
      await pollers.open(flow);
      await provisioner.open(flow);
      return async () => {
        pollers.stop();
        await host.close();
        await pollers.settled();
        await relay.flush();
      };
    },
  });
}
