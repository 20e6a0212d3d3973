/** AWS::ApiGateway::ApiKey, ::UsagePlan and ::UsagePlanKey. */
import type { PatchOperation } from "@aws-sdk/client-api-gateway";
import type { ResourceProperties, ResourceType } from "../../resources.ts";
import { definedOnly, gone, scalarPatches, setTags, TAGS, tagsOf } from "./common.ts";

const apiKey: ResourceType = {
  properties: {
    CustomerId: "string",
    Description: "string",
    Enabled: "boolean",
    Name: "string",
    Tags: TAGS,
    Value: "string",
  },
  replacement: ["Name", "Value"],
  nameProperty: "Name",
  attributes: ["APIKeyId"],
  async create(context, properties) {
    const made = await context.call(
      "apigateway",
      "CreateApiKey",
      definedOnly({
        name: properties.Name ?? context.physicalName(128),
        customerId: properties.CustomerId,
        description: properties.Description,
        enabled: properties.Enabled,
        value: properties.Value,
        tags: tagsOf(context, properties.Tags),
      }),
    );
    return { id: made.id!, attributes: { APIKeyId: made.id } };
  },
  async update(context, id, properties, previous) {
    const patchOperations = scalarPatches(
      { CustomerId: "/customerId", Description: "/description" },
      properties,
      previous,
    );
    patchOperations.push({ op: "replace", path: "/enabled", value: String(properties.Enabled ?? false) });
    await context.call("apigateway", "UpdateApiKey", { apiKey: id, patchOperations });
    await setTags(context, `arn:aws:apigateway:${context.region}::/apikeys/${id}`, properties.Tags, previous.Tags);
    return { id, attributes: { APIKeyId: id } };
  },
  delete: (context, id) => gone(context.call("apigateway", "DeleteApiKey", { apiKey: id })),
};

const THROTTLE = { object: { BurstLimit: "integer", RateLimit: "number" } } as const;

function throttleOf(throttle: ResourceProperties | undefined) {
  return throttle && definedOnly({ burstLimit: throttle.BurstLimit, rateLimit: throttle.RateLimit });
}

const stagesOf = (properties: ResourceProperties) =>
  ((properties.ApiStages ?? []) as ResourceProperties[]).map(({ ApiId, Stage, Throttle }) =>
    definedOnly({
      apiId: ApiId as string,
      stage: Stage as string,
      throttle:
        Throttle &&
        Object.fromEntries(Object.entries(Throttle).map(([place, limits]) => [place, throttleOf(limits) ?? {}])),
    }),
  );

const usagePlan: ResourceType = {
  properties: {
    ApiStages: [{ object: { ApiId: "string", Stage: "string", Throttle: { map: THROTTLE } } }],
    Description: "string",
    Quota: { object: { Limit: "integer", Offset: "integer", Period: "string" } },
    Tags: TAGS,
    Throttle: THROTTLE,
    UsagePlanName: "string",
  },
  attributes: ["Id"],
  async create(context, properties) {
    const { Quota } = properties;
    const made = await context.call(
      "apigateway",
      "CreateUsagePlan",
      definedOnly({
        name: properties.UsagePlanName ?? context.physicalName(255),
        description: properties.Description,
        apiStages: stagesOf(properties),
        throttle: throttleOf(properties.Throttle),
        quota: Quota && definedOnly({ limit: Quota.Limit, offset: Quota.Offset, period: Quota.Period }),
        tags: tagsOf(context, properties.Tags),
      }),
    );
    return { id: made.id!, attributes: { Id: made.id } };
  },
  async update(context, id, properties, previous) {
    const named = (of: ResourceProperties) =>
      new Map(
        stagesOf(of).map((one) => [`${one.apiId}:${one.stage}`, one.throttle as Record<string, any> | undefined]),
      );
    const now = named(properties);
    const before = named(previous);
    const patchOperations: PatchOperation[] = [
      ...(properties.UsagePlanName === undefined
        ? []
        : scalarPatches({ UsagePlanName: "/name" }, properties, previous)),
      ...scalarPatches({ Description: "/description" }, properties, previous),
      ...[...before.keys()].map((value): PatchOperation => ({ op: "remove", path: "/apiStages", value })),
      ...[...now.keys()].map((value): PatchOperation => ({ op: "add", path: "/apiStages", value })),
    ];
    for (const [name, throttle] of now) {
      for (const [place, limits] of Object.entries(throttle ?? {})) {
        const at = place.lastIndexOf("/");
        const path = `/apiStages/${name}/throttle/${place.slice(0, at).replaceAll("/", "~1")}/${place.slice(at + 1)}`;
        for (const [limit, value] of Object.entries(limits)) {
          patchOperations.push({ op: "replace", path: `${path}/${limit}`, value: String(value) });
        }
      }
    }
    for (const [group, path] of [
      ["Throttle", "/throttle"],
      ["Quota", "/quota"],
    ] as const) {
      if (previous[group]) patchOperations.push({ op: "remove", path });
      for (const [name, value] of Object.entries(properties[group] ?? {})) {
        patchOperations.push({
          op: "replace",
          path: `${path}/${name[0]!.toLowerCase()}${name.slice(1)}`,
          value: String(value),
        });
      }
    }
    await context.call("apigateway", "UpdateUsagePlan", { usagePlanId: id, patchOperations });
    await setTags(context, `arn:aws:apigateway:${context.region}::/usageplans/${id}`, properties.Tags, previous.Tags);
    return { id, attributes: { Id: id } };
  },
  async delete(context, usagePlanId, properties) {
    const patchOperations = stagesOf(properties).map(
      ({ apiId, stage }): PatchOperation => ({ op: "remove", path: "/apiStages", value: `${apiId}:${stage}` }),
    );
    if (patchOperations.length > 0) {
      await gone(context.call("apigateway", "UpdateUsagePlan", { usagePlanId, patchOperations }));
    }
    await gone(context.call("apigateway", "DeleteUsagePlan", { usagePlanId }));
  },
};

const usagePlanKey: ResourceType = {
  properties: { KeyId: "string", KeyType: "string", UsagePlanId: "string" },
  required: ["KeyId", "KeyType", "UsagePlanId"],
  replacement: ["KeyId", "KeyType", "UsagePlanId"],
  attributes: ["Id"],
  async create(context, { KeyId, KeyType, UsagePlanId }) {
    await context.call("apigateway", "CreateUsagePlanKey", {
      usagePlanId: UsagePlanId,
      keyId: KeyId,
      keyType: KeyType,
    });
    const id = `${KeyId}:${UsagePlanId}`;
    return { id, attributes: { Id: id } };
  },
  delete: (context, _id, { KeyId, UsagePlanId }) =>
    gone(context.call("apigateway", "DeleteUsagePlanKey", { usagePlanId: UsagePlanId, keyId: KeyId })),
};

export const planResources = {
  "AWS::ApiGateway::ApiKey": apiKey,
  "AWS::ApiGateway::UsagePlan": usagePlan,
  "AWS::ApiGateway::UsagePlanKey": usagePlanKey,
} as const;
