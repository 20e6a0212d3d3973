/** AWS::ApiGateway::RestApi, AWS::ApiGateway::Resource and AWS::ApiGateway::Account. */
import type { Readable } from "node:stream";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../../resources.ts";
import { definedOnly, gone, listPatches, scalarPatches, setTags, TAGS } from "./common.ts";

async function bodyOf(context: ResourceContext, properties: ResourceProperties): Promise<Buffer | undefined> {
  if (properties.Body !== undefined) {
    return Buffer.from(typeof properties.Body === "string" ? properties.Body : JSON.stringify(properties.Body));
  }
  const location = properties.BodyS3Location;
  if (location === undefined) return undefined;
  const object = await context.call(
    "s3",
    "GetObject",
    definedOnly({ Bucket: location.Bucket, Key: location.Key, VersionId: location.Version, IfMatch: location.ETag }),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of object.Body as unknown as Readable) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const SCALARS = {
  Name: "/name",
  Description: "/description",
  ApiKeySourceType: "/apiKeySource",
  DisableExecuteApiEndpoint: "/disableExecuteApiEndpoint",
  MinimumCompressionSize: "/minimumCompressionSize",
  Policy: "/policy",
};

/** Policies are compared and set as text. */
function comparable(properties: ResourceProperties): ResourceProperties {
  const { Policy } = properties;
  if (Policy === undefined || typeof Policy === "string") return properties;
  return { ...properties, Policy: JSON.stringify(Policy) };
}

async function describe(context: ResourceContext, restApiId: string): Promise<ResourceState> {
  const api = await context.call("apigateway", "GetRestApi", { restApiId });
  return { id: restApiId, attributes: { RestApiId: restApiId, RootResourceId: api.rootResourceId } };
}

const arnOf = (context: ResourceContext, id: string) => `arn:aws:apigateway:${context.region}::/restapis/${id}`;

export const restApi: ResourceType = {
  properties: {
    ApiKeySourceType: "string",
    BinaryMediaTypes: ["string"],
    Body: "json",
    BodyS3Location: { object: { Bucket: "string", ETag: "string", Key: "string", Version: "string" } },
    Description: "string",
    DisableExecuteApiEndpoint: "boolean",
    EndpointConfiguration: { object: { Types: ["string"], VpcEndpointIds: ["string"], IpAddressType: "string" } },
    FailOnWarnings: "boolean",
    MinimumCompressionSize: "integer",
    Mode: "string",
    Name: "string",
    Parameters: { map: "string" },
    Policy: "json",
    Tags: TAGS,
  },
  attributes: ["RestApiId", "RootResourceId"],
  async create(context, given) {
    const properties = comparable(given);
    const { EndpointConfiguration, Parameters } = properties;
    const body = await bodyOf(context, properties);
    const created = await context.call(
      "apigateway",
      "CreateRestApi",
      definedOnly({
        // A document brings its own title along.
        name: properties.Name ?? (body && context.logicalId),
        description: properties.Description,
        apiKeySource: properties.ApiKeySourceType,
        binaryMediaTypes: properties.BinaryMediaTypes,
        disableExecuteApiEndpoint: properties.DisableExecuteApiEndpoint,
        minimumCompressionSize: properties.MinimumCompressionSize,
        policy: properties.Policy,
        endpointConfiguration:
          EndpointConfiguration &&
          definedOnly({
            types: EndpointConfiguration.Types,
            vpcEndpointIds: EndpointConfiguration.VpcEndpointIds,
            ipAddressType: EndpointConfiguration.IpAddressType,
          }),
      }),
    );
    const restApiId = created.id!;
    if (body) await putBody(context, restApiId, body, properties.Mode, Parameters, properties);
    await setTags(context, arnOf(context, restApiId), properties.Tags, undefined);
    return describe(context, restApiId);
  },
  async update(context, id, given, givenBefore) {
    const properties = comparable(given);
    const previous = comparable(givenBefore);
    const body = await bodyOf(context, properties);
    if (body) await putBody(context, id, body, properties.Mode ?? "overwrite", properties.Parameters, properties);
    const { Name, ...scalars } = SCALARS;
    const patchOperations = [
      ...(properties.Name === undefined ? [] : scalarPatches({ Name }, properties, previous)),
      ...scalarPatches(scalars, properties, body ? {} : previous),
      ...listPatches("/binaryMediaTypes", properties.BinaryMediaTypes, body ? [] : previous.BinaryMediaTypes),
      ...(properties.EndpointConfiguration?.Types ?? []).map((type: string, at: number) => ({
        op: "replace" as const,
        path: `/endpointConfiguration/types/${at}`,
        value: type,
      })),
    ];
    if (patchOperations.length > 0)
      await context.call("apigateway", "UpdateRestApi", { restApiId: id, patchOperations });
    await setTags(context, arnOf(context, id), properties.Tags, previous.Tags);
    return describe(context, id);
  },
  delete: (context, restApiId) => gone(context.call("apigateway", "DeleteRestApi", { restApiId })),
};

/** A template's own name and description win over the document's. */
async function putBody(
  context: ResourceContext,
  restApiId: string,
  body: Buffer,
  mode: string | undefined,
  parameters: Record<string, string> | undefined,
  properties: ResourceProperties,
): Promise<void> {
  await context.call(
    "apigateway",
    "PutRestApi",
    definedOnly({
      restApiId,
      body,
      mode: (mode ?? "merge") as "merge",
      parameters,
      failOnWarnings: properties.FailOnWarnings,
    }),
  );
  const { Name, Description } = SCALARS;
  const patchOperations = scalarPatches({ Name, Description }, properties, {});
  if (patchOperations.length > 0) await context.call("apigateway", "UpdateRestApi", { restApiId, patchOperations });
}

export const pathResource: ResourceType = {
  properties: { ParentId: "string", PathPart: "string", RestApiId: "string" },
  required: ["ParentId", "PathPart", "RestApiId"],
  replacement: ["ParentId", "PathPart", "RestApiId"],
  attributes: ["ResourceId"],
  async create(context, { ParentId, PathPart, RestApiId }) {
    const made = await context.call("apigateway", "CreateResource", {
      restApiId: RestApiId,
      parentId: ParentId,
      pathPart: PathPart,
    });
    return { id: made.id!, attributes: { ResourceId: made.id } };
  },
  delete: (context, resourceId, { RestApiId }) =>
    gone(context.call("apigateway", "DeleteResource", { restApiId: RestApiId, resourceId })),
};

/** There is one account; deleting the resource leaves its settings, as on AWS. */
export const accountResource: ResourceType = {
  properties: { CloudWatchRoleArn: "string" },
  attributes: ["Id"],
  async create(context, { CloudWatchRoleArn }) {
    const id = context.physicalName(64);
    if (CloudWatchRoleArn !== undefined) {
      await context.call("apigateway", "UpdateAccount", {
        patchOperations: [{ op: "replace", path: "/cloudwatchRoleArn", value: CloudWatchRoleArn }],
      });
    }
    return { id, attributes: { Id: id } };
  },
  async update(context, id, properties, previous) {
    const patchOperations = scalarPatches({ CloudWatchRoleArn: "/cloudwatchRoleArn" }, properties, previous);
    if (patchOperations.length > 0) await context.call("apigateway", "UpdateAccount", { patchOperations });
    return { id, attributes: { Id: id } };
  },
  async delete() {},
};
