/** Layers: shared folders that are merged into `/opt`. */
import type { Transaction } from "../../storage/transaction.ts";
import type { Flow, FlowContext, InputOf, Operation, OutputOf } from "../service.ts";
import { dropCode, keepCode, layerCodeLocation, receiveCode } from "./code.ts";
import { invalidParameterValue, resourceDoesNotExist, validation } from "./errors.ts";
import { layerArn } from "./names.ts";
import type { LambdaPorts } from "./ports.ts";
import { checkLayerRuntimes, constraints, lambdaDate, matches, PATTERNS } from "./rules.ts";
import {
  type LayerVersionRecord,
  layerKey,
  layerNames,
  layers,
  layerVersionKey,
  layerVersionRange,
  layerVersions,
  type Place,
} from "./state.ts";

type LayerVersion = OutputOf<"lambda", "GetLayerVersion">;

function listed(at: Place, record: LayerVersionRecord) {
  return {
    LayerVersionArn: layerArn(at, record.name, record.version),
    Version: record.version,
    Description: record.description,
    CreatedDate: record.created,
    ...(record.runtimes === undefined ? {} : { CompatibleRuntimes: [...record.runtimes] as never[] }),
    ...(record.licenseInfo === undefined ? {} : { LicenseInfo: record.licenseInfo }),
    ...(record.architectures === undefined ? {} : { CompatibleArchitectures: [...record.architectures] as never[] }),
  };
}

function shown(at: Place, record: LayerVersionRecord, endpoint: string): LayerVersion {
  return {
    Content: {
      Location: layerCodeLocation(endpoint, at, record.name, record.version, record.codeToken),
      CodeSha256: record.code.sha256,
      CodeSize: record.code.bytes,
    },
    LayerArn: layerArn(at, record.name),
    ...listed(at, record),
  };
}

/** A layer by its name or ARN. @throws ValidationException */
function locateLayer(text: string | undefined, caller: Place): Place & { readonly name: string } {
  const found = constraints();
  found.required("layerName", text);
  found.length("layerName", text, 1, 140);
  found.pattern("layerName", text, PATTERNS.layerName);
  found.check();
  const parts = text!.split(":");
  if (parts.length === 1) return { accountId: caller.accountId, region: caller.region, name: text! };
  return { accountId: parts[4] as Place["accountId"], region: parts[3] as Place["region"], name: parts[6]! };
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html */
export function publishLayerVersion(
  ports: LambdaPorts,
): Flow<InputOf<"lambda", "PublishLayerVersion">, OutputOf<"lambda", "PublishLayerVersion">> {
  return async (flow: FlowContext, input) => {
    const at = locateLayer(input.LayerName, flow);
    const found = constraints();
    found.required("content", input.Content);
    found.length("description", input.Description, 0, 256);
    found.length("licenseInfo", input.LicenseInfo, 0, 512);
    checkLayerRuntimes(found, input.CompatibleRuntimes ?? []);
    for (const architecture of input.CompatibleArchitectures ?? []) {
      found.oneOf("compatibleArchitectures", architecture, ["x86_64", "arm64"]);
    }
    found.check();
    const code = await receiveCode(flow, ports, input.Content!);
    return flow.write((tx, context) => {
      const version = layers.get(tx, layerKey(at, at.name))?.nextVersion ?? 1;
      layers.put(tx, layerKey(at, at.name), { nextVersion: version + 1 });
      const record: LayerVersionRecord = {
        name: at.name,
        version,
        description: input.Description ?? "",
        ...(input.LicenseInfo === undefined ? {} : { licenseInfo: input.LicenseInfo }),
        ...(input.CompatibleRuntimes === undefined ? {} : { runtimes: input.CompatibleRuntimes }),
        ...(input.CompatibleArchitectures === undefined ? {} : { architectures: input.CompatibleArchitectures }),
        created: lambdaDate(context.nowMs),
        code,
        codeToken: context.random.uuid(),
      };
      keepCode(tx, code);
      layerVersions.put(tx, layerVersionKey(at, at.name, version), record);
      return shown(at, record, context.endpoint);
    });
  };
}

function requireLayerVersion(
  tx: Transaction,
  at: Place,
  name: string,
  version: number | undefined,
): LayerVersionRecord {
  if (!(version !== undefined && version >= 1)) throw invalidParameterValue("Layer Version Cannot be less than 1");
  const record = layerVersions.get(tx, layerVersionKey(at, name, version));
  if (!record) throw resourceDoesNotExist();
  return record;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersion.html */
export const getLayerVersion: Operation<InputOf<"lambda", "GetLayerVersion">, LayerVersion> = (tx, input, context) => {
  const at = locateLayer(input.LayerName, context);
  return shown(at, requireLayerVersion(tx, at, at.name, input.VersionNumber), context.endpoint);
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html */
export const getLayerVersionByArn: Operation<InputOf<"lambda", "GetLayerVersionByArn">, LayerVersion> = (
  tx,
  input,
  context,
) => {
  if (!matches(PATTERNS.layerVersionArn, input.Arn ?? "")) {
    throw validation(
      `1 validation error detected: Value '${input.Arn}' at 'arn' failed to satisfy constraint: Member must satisfy regular expression pattern: ${PATTERNS.layerVersionArn}`,
    );
  }
  const cut = input.Arn!.lastIndexOf(":");
  const at = locateLayer(input.Arn!.slice(0, cut), context);
  return shown(at, requireLayerVersion(tx, at, at.name, Number(input.Arn!.slice(cut + 1))), context.endpoint);
};

interface Filter {
  readonly CompatibleRuntime?: string | undefined;
  readonly CompatibleArchitecture?: string | undefined;
}

const suits = (record: LayerVersionRecord, { CompatibleRuntime, CompatibleArchitecture }: Filter): boolean =>
  (CompatibleRuntime === undefined || (record.runtimes ?? []).includes(CompatibleRuntime)) &&
  (CompatibleArchitecture === undefined || (record.architectures ?? []).includes(CompatibleArchitecture));

function newestSuiting(
  versions: Iterable<[unknown, LayerVersionRecord]>,
  filter: Filter,
): LayerVersionRecord | undefined {
  for (const [, record] of versions) if (suits(record, filter)) return record;
  return undefined;
}

function pageSize(maxItems: number | undefined): number {
  const found = constraints();
  found.range("maxItems", maxItems, 1, 50);
  found.check();
  return maxItems ?? 50;
}

/** Each layer with its newest version that suits. @see https://docs.aws.amazon.com/lambda/latest/api/API_ListLayers.html */
export const listLayers: Operation<InputOf<"lambda", "ListLayers">, OutputOf<"lambda", "ListLayers">> = (
  tx,
  input,
  context,
) => {
  const limit = pageSize(input.MaxItems);
  const page = [];
  for (const name of layerNames(tx, context, input.Marker ?? "")) {
    const { start, end } = layerVersionRange(context, name);
    const newest = newestSuiting(layerVersions.range(tx, start, end, { reverse: true }), input);
    if (!newest) continue;
    if (page.length === limit) return { Layers: page, NextMarker: name };
    page.push({
      LayerName: name,
      LayerArn: layerArn(context, name),
      LatestMatchingVersion: listed(context, newest),
    });
  }
  return { Layers: page };
};

/** Newest first. @see https://docs.aws.amazon.com/lambda/latest/api/API_ListLayerVersions.html */
export const listLayerVersions: Operation<
  InputOf<"lambda", "ListLayerVersions">,
  OutputOf<"lambda", "ListLayerVersions">
> = (tx, input, context) => {
  const at = locateLayer(input.LayerName, context);
  const limit = pageSize(input.MaxItems);
  const { start, end } = layerVersionRange(at, at.name);
  const below = input.Marker === undefined ? end : layerVersionKey(at, at.name, Number(input.Marker) + 1);
  const page = [];
  for (const [, record] of layerVersions.range(tx, start, below, { reverse: true })) {
    if (!suits(record, input)) continue;
    if (page.length === limit) return { LayerVersions: page, NextMarker: String(record.version) };
    page.push(listed(at, record));
  }
  return { LayerVersions: page };
};

/** Functions that use it keep it. @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html */
export const deleteLayerVersion: Operation<
  InputOf<"lambda", "DeleteLayerVersion">,
  OutputOf<"lambda", "DeleteLayerVersion">
> = (tx, input, context) => {
  const at = locateLayer(input.LayerName, context);
  if (!(input.VersionNumber !== undefined && input.VersionNumber >= 1)) {
    throw invalidParameterValue("Layer Version Cannot be less than 1");
  }
  const place = layerVersionKey(at, at.name, input.VersionNumber);
  const record = layerVersions.get(tx, place);
  if (record) {
    dropCode(tx, record.code);
    tx.delete(place);
  }
  return {};
};
