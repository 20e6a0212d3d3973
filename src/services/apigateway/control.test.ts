import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiPlatform } from "../apigateway-common/testing.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";
const INVOKE = `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FUNCTION}/invocations`;

interface Fixture {
  readonly call: Awaited<ReturnType<typeof openApiPlatform>>["call"];
  readonly restApiId: string;
  readonly rootId: string;
  refusal(operation: string, input: object): Promise<string>;
}

async function withApi(work: (fixture: Fixture) => Promise<void>): Promise<void> {
  const platform = await openApiPlatform();
  try {
    const api = await platform.call("apigateway", "CreateRestApi", { name: "a" });
    await work({
      call: platform.call,
      restApiId: api.id!,
      rootId: api.rootResourceId!,
      refusal: (operation, input) =>
        platform.call("apigateway", operation as "GetRestApi", { restApiId: api.id, ...input } as never).then(
          () => "accepted",
          (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
        ),
    });
  } finally {
    await platform.close();
  }
}

test("what cannot be made is refused in API Gateway's words", () =>
  withApi(async ({ call, restApiId, rootId, refusal }) => {
    const at = { resourceId: rootId, httpMethod: "GET" };
    const cases: [string, object, RegExp][] = [
      ["CreateRestApi", { name: "" }, /^BadRequestException: Name must be specified/],
      [
        "CreateRestApi",
        { name: "p", endpointConfiguration: { types: ["PRIVATE"] } },
        /^NotImplemented: .*private endpoints/,
      ],
      ["GetRestApi", { restApiId: "none" }, /^NotFoundException: Invalid API identifier specified 000000000000:none/],
      [
        "CreateResource",
        { parentId: "none", pathPart: "a" },
        /^NotFoundException: Invalid Resource identifier specified/,
      ],
      [
        "CreateResource",
        { parentId: rootId, pathPart: "a b" },
        /^BadRequestException: Resource's path part only allow a-zA-Z0-9\._-:/,
      ],
      ["PutMethod", { ...at, httpMethod: "FETCH", authorizationType: "NONE" }, /Invalid HttpMethod specified/],
      ["PutMethod", { ...at, authorizationType: "CUSTOM" }, /Invalid authorizer ID specified/],
      ["PutMethod", { ...at, authorizationType: "COGNITO_USER_POOLS" }, /^NotImplemented: .*Cognito/],
      [
        "PutMethod",
        { ...at, authorizationType: "NONE", requestModels: { "application/json": "None" } },
        /^NotFoundException: Invalid model name specified: None/,
      ],
      ["PutIntegration", { ...at, type: "MOCK" }, /^NotFoundException: Invalid Method identifier specified/],
      ["CreateDeployment", {}, /^BadRequestException: The REST API doesn't contain any methods/],
      ["CreateStage", { stageName: "s", deploymentId: "none" }, /Deployment id does not exist/],
      ["CreateModel", { name: "M", contentType: "application/json", schema: "{" }, /Model schema is invalid/],
      [
        "CreateModel",
        { name: "M", contentType: "application/json", schema: '{"unevaluatedProperties":false}' },
        /Unsupported keyword\(s\): \["unevaluatedProperties"\]/,
      ],
      ["CreateAuthorizer", { name: "x", type: "TOKEN", authorizerUri: INVOKE }, /Identity source must be a header/],
      [
        "CreateUsagePlan",
        { name: "p", apiStages: [{ apiId: restApiId, stage: "none" }] },
        /^NotFoundException: API Stage not found/,
      ],
      ["CreateApiKey", { value: "short" }, /API Key value should be at least 20 characters/],
      ["PutGatewayResponse", { responseType: "NONSENSE" }, /Invalid gateway response type/],
    ];
    for (const [operation, input, expected] of cases) {
      assert.match(await refusal(operation, input), expected, `${operation} ${JSON.stringify(input)}`);
    }
    await call("apigateway", "PutMethod", { restApiId, ...at, authorizationType: "NONE" });
    assert.match(
      await refusal("PutMethod", { ...at, authorizationType: "NONE" }),
      /^ConflictException: Method already exists for this resource/,
    );
    assert.match(await refusal("CreateDeployment", {}), /No integration defined for method/);
    for (const [input, expected] of [
      [{ type: "AWS" }, /Enumeration value for HttpMethod must be non-empty/],
      [{ type: "HTTP", integrationHttpMethod: "GET", uri: "ftp://x" }, /Invalid HTTP endpoint specified for URI/],
      [{ type: "AWS", integrationHttpMethod: "POST", uri: "arn:nothing" }, /Invalid ARN specified in the request/],
      [
        { type: "AWS_PROXY", integrationHttpMethod: "POST", uri: "arn:aws:apigateway:us-east-1:sqs:path/q" },
        /only supports Lambda function/,
      ],
      [{ type: "MOCK", timeoutInMillis: 30_000 }, /Timeout should be between 50 ms and 29000 ms/],
      [
        { type: "MOCK", requestParameters: { "integration.request.header.a": "method.request.header.b" } },
        /Invalid mapping expression parameter specified: method\.request\.header\.b/,
      ],
      [{ type: "MOCK", requestTemplates: { "application/json": "#set($a = )" } }, /Invalid mapping template specified/],
      [{ type: "MOCK", connectionType: "VPC_LINK" }, /^NotImplemented: .*VPC links/],
    ] as const) {
      assert.match(await refusal("PutIntegration", { ...at, ...input }), expected, JSON.stringify(input));
    }
    await call("apigateway", "PutIntegration", { restApiId, ...at, type: "MOCK" });
    assert.match(
      await refusal("PutIntegrationResponse", { ...at, statusCode: "200" }),
      /Invalid Response status code specified/,
    );
    await call("apigateway", "PutMethodResponse", { restApiId, ...at, statusCode: "200" });
    assert.match(
      await refusal("PutIntegrationResponse", {
        ...at,
        statusCode: "200",
        responseParameters: { "method.response.header.X": "'1'" },
      }),
      /Invalid mapping expression parameter specified: method\.response\.header\.X/,
    );
  }));

test("the tree of paths: one variable among siblings, moves take along what is below", () =>
  withApi(async ({ call, restApiId, rootId, refusal }) => {
    const make = async (parentId: string, pathPart: string) =>
      (await call("apigateway", "CreateResource", { restApiId, parentId, pathPart })).id!;
    const pets = await make(rootId, "pets");
    const one = await make(pets, "{id}");
    await make(one, "toys");
    assert.match(
      await refusal("CreateResource", { parentId: pets, pathPart: "{other}" }),
      /already has a variable path part/,
    );
    assert.match(
      await refusal("CreateResource", { parentId: rootId, pathPart: "pets" }),
      /^ConflictException: Another resource with the same parent already has this name: pets/,
    );
    await call("apigateway", "UpdateResource", {
      restApiId,
      resourceId: pets,
      patchOperations: [{ op: "replace", path: "/pathPart", value: "animals" }],
    });
    const paths = async () =>
      (await call("apigateway", "GetResources", { restApiId })).items!.map(({ path }) => path).sort();
    assert.deepEqual(await paths(), ["/", "/animals", "/animals/{id}", "/animals/{id}/toys"]);
    await call("apigateway", "DeleteResource", { restApiId, resourceId: one });
    assert.deepEqual(await paths(), ["/", "/animals"]);
    assert.match(await refusal("DeleteResource", { resourceId: rootId }), /Root resource cannot be removed/);
  }));

test("patches: members, maps and lists, and nothing else", () =>
  withApi(async ({ call, restApiId, refusal }) => {
    const update = (...patchOperations: { op: "add" | "remove" | "replace"; path: string; value?: string }[]) =>
      call("apigateway", "UpdateRestApi", { restApiId, patchOperations });
    const api = await update(
      { op: "replace", path: "/name", value: "b" },
      { op: "replace", path: "/description", value: "d" },
      { op: "add", path: "/binaryMediaTypes/image~1png" },
      { op: "add", path: "/binaryMediaTypes/a~1b" },
      { op: "remove", path: "/binaryMediaTypes/a~1b" },
      { op: "replace", path: "/endpointConfiguration/types/0", value: "REGIONAL" },
    );
    assert.deepEqual(
      [api.name, api.description, api.binaryMediaTypes, api.endpointConfiguration!.types],
      ["b", "d", ["image/png"], ["REGIONAL"]],
    );
    assert.equal((await update({ op: "remove", path: "/description" })).description, undefined);
    const refused = (op: string, path: string, value?: string) =>
      refusal("UpdateRestApi", { patchOperations: [{ op, path, value }] });
    assert.match(
      await refused("replace", "/id", "x"),
      /^BadRequestException: Invalid patch path {2}'\/id' specified for op 'replace'\. Must be one of:/,
    );
    assert.match(await refused("copy", "/name", "x"), /Invalid patch operation specified/);
    assert.match(await refused("replace", "/disableExecuteApiEndpoint", "maybe"), /Must be true or false/);
    assert.match(await refused("replace", "/minimumCompressionSize", "10"), /^NotImplemented: .*compressed responses/);
    assert.match(await refused("add", "/__proto__/polluted", "x"), /Invalid patch path/);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  }));

test("names that every object inherits are not found", () =>
  withApi(async ({ rootId, refusal }) => {
    assert.match(
      await refusal("GetMethod", { resourceId: rootId, httpMethod: "constructor" }),
      /^NotFoundException: Invalid Method/,
    );
    assert.match(await refusal("PutGatewayResponse", { responseType: "toString" }), /Invalid gateway response type/);
  }));

test("maps cannot be made to reach prototypes", () =>
  withApi(async ({ call, restApiId, rootId }) => {
    const at = { restApiId, resourceId: rootId, httpMethod: "GET" };
    await call("apigateway", "PutMethod", { ...at, authorizationType: "NONE" });
    await call("apigateway", "PutIntegration", { ...at, type: "MOCK" });
    await call("apigateway", "UpdateIntegration", {
      ...at,
      patchOperations: [{ op: "add", path: "/requestTemplates/__proto__", value: "x" }],
    });
    assert.equal(({} as Record<string, unknown>)["x"], undefined);
    assert.equal(
      Object.getPrototypeOf((await call("apigateway", "GetIntegration", at)).requestTemplates),
      Object.prototype,
    );
  }));

test("an API that goes takes everything along, but not another's", () =>
  withApi(async ({ call, restApiId, rootId }) => {
    const other = await call("apigateway", "CreateRestApi", { name: "other" });
    const at = { restApiId, resourceId: rootId, httpMethod: "GET" };
    await call("apigateway", "PutMethod", { ...at, authorizationType: "NONE" });
    await call("apigateway", "PutIntegration", { ...at, type: "MOCK" });
    await call("apigateway", "CreateDeployment", { restApiId, stageName: "prod" });
    const plan = await call("apigateway", "CreateUsagePlan", {
      name: "p",
      apiStages: [{ apiId: restApiId, stage: "prod" }],
    });
    await call("apigateway", "DeleteRestApi", { restApiId });
    assert.deepEqual((await call("apigateway", "GetUsagePlan", { usagePlanId: plan.id })).apiStages, []);
    assert.deepEqual(
      (await call("apigateway", "GetRestApis", {})).items!.map(({ id }) => id),
      [other.id],
    );
    assert.equal((await call("apigateway", "GetResources", { restApiId: other.id })).items!.length, 1);
  }));

test("usage plans are patched by stage", () =>
  withApi(async ({ call, restApiId, rootId }) => {
    const at = { restApiId, resourceId: rootId, httpMethod: "GET" };
    await call("apigateway", "PutMethod", { ...at, authorizationType: "NONE" });
    await call("apigateway", "PutIntegration", { ...at, type: "MOCK" });
    await call("apigateway", "CreateDeployment", { restApiId, stageName: "prod" });
    const { id: usagePlanId } = await call("apigateway", "CreateUsagePlan", { name: "p" });
    const plan = await call("apigateway", "UpdateUsagePlan", {
      usagePlanId,
      patchOperations: [
        { op: "add", path: "/apiStages", value: `${restApiId}:prod` },
        { op: "replace", path: `/apiStages/${restApiId}:prod/throttle/~1pets/GET/rateLimit`, value: "1.5" },
        { op: "replace", path: "/throttle/burstLimit", value: "3" },
        { op: "replace", path: "/quota/limit", value: "9" },
        { op: "replace", path: "/quota/period", value: "WEEK" },
      ],
    });
    assert.deepEqual(plan.apiStages, [
      { apiId: restApiId, stage: "prod", throttle: { "/pets/GET": { rateLimit: 1.5 } } },
    ]);
    assert.deepEqual([plan.throttle, plan.quota], [{ burstLimit: 3 }, { limit: 9, period: "WEEK" }]);
  }));
