import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiPlatform } from "../apigateway-common/testing.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";
const INVOKE = `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FUNCTION}/invocations`;

/** As SAM writes it for a function with an Api event, CORS and an authorizer, with a model and a validator beside. */
const DOCUMENT = {
  swagger: "2.0",
  info: { title: "from-sam", version: "1.0" },
  basePath: "/v1",
  "x-amazon-apigateway-binary-media-types": ["image/png"],
  "x-amazon-apigateway-request-validators": { body: { validateRequestBody: true, validateRequestParameters: false } },
  "x-amazon-apigateway-gateway-responses": {
    MISSING_AUTHENTICATION_TOKEN: {
      statusCode: 404,
      responseTemplates: { "application/json": '{"message":"nothing here"}' },
    },
  },
  paths: {
    "/pets/{id}": {
      parameters: [{ name: "id", in: "path", required: true, type: "string" }],
      post: {
        operationId: "addPet",
        consumes: ["application/json"],
        parameters: [
          { name: "verbose", in: "query", type: "string" },
          { name: "Pet", in: "body", schema: { $ref: "#/definitions/Pet" } },
        ],
        "x-amazon-apigateway-request-validator": "body",
        "x-amazon-apigateway-integration": { type: "aws_proxy", httpMethod: "POST", uri: INVOKE },
        responses: {},
      },
      options: {
        responses: { 200: { description: "cors", headers: { "Access-Control-Allow-Origin": { type: "string" } } } },
        "x-amazon-apigateway-integration": {
          type: "mock",
          requestTemplates: { "application/json": '{\n  "statusCode" : 200\n}\n' },
          responses: {
            default: {
              statusCode: "200",
              responseParameters: { "method.response.header.Access-Control-Allow-Origin": "'*'" },
              responseTemplates: { "application/json": "{}\n" },
            },
          },
        },
      },
    },
    "/private": {
      "x-amazon-apigateway-any-method": {
        security: [{ gate: [] }, { api_key: [] }],
        "x-amazon-apigateway-integration": { type: "aws_proxy", httpMethod: "POST", uri: INVOKE },
      },
    },
  },
  definitions: {
    Pet: { type: "object", required: ["name"], properties: { name: { $ref: "#/definitions/Name" } } },
    Name: { type: "string", minLength: 1 },
  },
  securityDefinitions: {
    api_key: { type: "apiKey", name: "x-api-key", in: "header" },
    gate: {
      type: "apiKey",
      name: "Authorization",
      in: "header",
      "x-amazon-apigateway-authtype": "custom",
      "x-amazon-apigateway-authorizer": { type: "token", authorizerUri: INVOKE },
    },
  },
};

test("an imported document becomes an API that works", async () => {
  const platform = await openApiPlatform({ lambda: ({ event }) => ({ statusCode: 200, body: event.resource }) });
  const api = await platform.call("apigateway", "ImportRestApi", { body: Buffer.from(JSON.stringify(DOCUMENT)) });
  const restApiId = api.id!;
  assert.equal(api.name, "from-sam");
  assert.deepEqual(api.binaryMediaTypes, ["image/png"]);
  await platform.call("apigateway", "CreateDeployment", { restApiId, stageName: "prod" });
  const post = async (body: string) => {
    const reply = await platform.send("POST", `${restApiId}/prod/pets/1`, {
      headers: { "content-type": "application/json" },
      body,
    });
    return [reply.status, reply.text];
  };
  assert.deepEqual(await post('{"name":"Tom"}'), [200, "/pets/{id}"]);
  assert.deepEqual(await post('{"name":""}'), [400, '{"message":"Invalid request body"}']);
  const options = await platform.send("OPTIONS", `${restApiId}/prod/pets/1`);
  assert.deepEqual([options.status, options.headers["Access-Control-Allow-Origin"]], [200, "*"]);
  assert.deepEqual((await platform.send("GET", `${restApiId}/prod/lost`)).json, { message: "nothing here" });
  assert.equal((await platform.send("GET", `${restApiId}/prod/private`)).status, 401);
  const { items } = await platform.call("apigateway", "GetResources", { restApiId, embed: ["methods"] });
  const privateMethod = items!.find((one) => one.path === "/private")!.resourceMethods!["ANY"]!;
  assert.deepEqual([privateMethod.authorizationType, privateMethod.apiKeyRequired], ["CUSTOM", true]);

  const again = await platform.call("apigateway", "PutRestApi", {
    restApiId,
    mode: "overwrite",
    parameters: { basepath: "prepend" },
    body: Buffer.from("openapi: 3.0.1\ninfo: {title: second}\nservers: [{url: /v2}]\npaths: {/only: {get: {}}}\n"),
  });
  assert.equal(again.name, "second");
  const { items: after } = await platform.call("apigateway", "GetResources", { restApiId });
  assert.deepEqual(after!.map((one) => one.path).sort(), ["/", "/v2", "/v2/only"]);
  assert.equal((await platform.send("OPTIONS", `${restApiId}/prod/pets/1`)).status, 200);
  await platform.close();
});

test("an exported stage imports to the same API", async () => {
  const platform = await openApiPlatform();
  const { id } = await platform.call("apigateway", "ImportRestApi", { body: Buffer.from(JSON.stringify(DOCUMENT)) });
  await platform.call("apigateway", "CreateDeployment", { restApiId: id, stageName: "prod" });
  const shape = async (restApiId: string | undefined) => {
    const { items } = await platform.call("apigateway", "GetResources", { restApiId, embed: ["methods"] });
    const text = JSON.stringify(items!.sort((left, right) => left.path!.localeCompare(right.path!)));
    return JSON.parse(text, (name, value) =>
      /^(id|parentId|cacheNamespace|authorizerId|requestValidatorId)$/.test(name) ? undefined : value,
    );
  };
  for (const exportType of ["swagger", "oas30"]) {
    const exported = await platform.call("apigateway", "GetExport", {
      restApiId: id,
      stageName: "prod",
      exportType,
      parameters: { extensions: "apigateway" },
    });
    const again = await platform.call("apigateway", "ImportRestApi", { body: exported.body! });
    assert.deepEqual(await shape(again.id), await shape(id), exportType);
  }
  await platform.close();
});

test("documents that cannot be honoured are refused by name, and leave nothing behind", async () => {
  const platform = await openApiPlatform();
  const refusal = async (document: unknown) =>
    platform.call("apigateway", "ImportRestApi", { body: Buffer.from(JSON.stringify(document)) }).then(
      () => "accepted",
      (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
    );
  assert.match(await refusal({ swagger: "1.2" }), /^BadRequestException: Unsupported OpenAPI version/);
  const cognito = { gate: { type: "apiKey", "x-amazon-apigateway-authtype": "cognito_user_pools" } };
  assert.match(
    await refusal({ swagger: "2.0", securityDefinitions: cognito, paths: {} }),
    /^NotImplemented: .*Cognito/,
  );
  const integration = { type: "aws_proxy", httpMethod: "POST", uri: INVOKE, tlsConfig: {} };
  assert.match(
    await refusal({ swagger: "2.0", paths: { "/a": { get: { "x-amazon-apigateway-integration": integration } } } }),
    /^NotImplemented: .*tlsConfig in x-amazon-apigateway-integration/,
  );
  assert.equal((await platform.call("apigateway", "GetRestApis", {})).items!.length, 0);
  await platform.close();
});
