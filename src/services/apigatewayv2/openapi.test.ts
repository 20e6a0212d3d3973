import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiPlatform } from "../apigateway-common/testing.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";

/** As SAM writes it for an HttpApi event with CORS and a default authorizer. */
const DOCUMENT = {
  openapi: "3.0.1",
  info: { title: "from-sam", version: "2.1" },
  tags: [{ name: "httpapi:createdBy", "x-amazon-apigateway-tag-value": "SAM" }],
  "x-amazon-apigateway-cors": { allowOrigins: ["https://a.example"], allowMethods: ["GET"], maxAge: 5 },
  paths: {
    "/items/{id}": {
      get: {
        operationId: "getItem",
        "x-amazon-apigateway-integration": { $ref: "#/components/x-amazon-apigateway-integrations/hello" },
        responses: {},
      },
      "x-amazon-apigateway-any-method": {
        "x-amazon-apigateway-integration": { $ref: "#/components/x-amazon-apigateway-integrations/hello" },
      },
    },
    "/$default": {
      "x-amazon-apigateway-any-method": {
        "x-amazon-apigateway-integration": {
          type: "http_proxy",
          httpMethod: "any",
          uri: "http://x.test",
          payloadFormatVersion: "1.0",
        },
      },
    },
    "/private": {
      get: {
        security: [{ gate: [] }],
        "x-amazon-apigateway-integration": { $ref: "#/components/x-amazon-apigateway-integrations/hello" },
      },
    },
  },
  components: {
    "x-amazon-apigateway-integrations": {
      hello: {
        type: "aws_proxy",
        httpMethod: "POST",
        uri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FUNCTION}/invocations`,
        payloadFormatVersion: "2.0",
      },
    },
    securitySchemes: {
      gate: {
        type: "apiKey",
        name: "Unused",
        in: "header",
        "x-amazon-apigateway-authorizer": {
          type: "request",
          identitySource: "$request.header.Authorization",
          authorizerUri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FUNCTION}-gate/invocations`,
          authorizerPayloadFormatVersion: "2.0",
          enableSimpleResponses: true,
        },
      },
    },
  },
};

test("an imported document becomes routes, integrations, authorizers and CORS that work", async () => {
  const platform = await openApiPlatform({
    lambda: ({ functionName, event }) =>
      functionName.endsWith("-gate")
        ? { isAuthorized: event.identitySource[0] === "open", context: { who: "me" } }
        : { key: event.routeKey, authorizer: event.requestContext.authorizer },
    http: () => ({ status: 200, headers: [], body: Buffer.from("fallback") }),
  });
  const api = await platform.call("apigatewayv2", "ImportApi", { Body: JSON.stringify(DOCUMENT) });
  const apiId = api.ApiId!;
  assert.equal(api.Name, "from-sam");
  assert.equal(api.Version, "2.1");
  assert.deepEqual(api.Tags, { "httpapi:createdBy": "SAM" });
  assert.deepEqual(api.CorsConfiguration, { AllowOrigins: ["https://a.example"], AllowMethods: ["GET"], MaxAge: 5 });
  await platform.call("apigatewayv2", "CreateStage", { ApiId: apiId, StageName: "$default", AutoDeploy: true });
  assert.deepEqual((await platform.send("GET", `${apiId}/items/1`)).json, { key: "GET /items/{id}" });
  assert.deepEqual((await platform.send("PUT", `${apiId}/items/1`)).json, { key: "ANY /items/{id}" });
  assert.equal((await platform.send("GET", `${apiId}/other`)).text, "fallback");
  assert.equal((await platform.send("GET", `${apiId}/private`)).status, 401);
  assert.equal((await platform.send("GET", `${apiId}/private`, { headers: { authorization: "shut" } })).status, 403);
  assert.deepEqual((await platform.send("GET", `${apiId}/private`, { headers: { authorization: "open" } })).json, {
    key: "GET /private",
    authorizer: { lambda: { who: "me" } },
  });
  assert.equal((await platform.call("apigatewayv2", "GetIntegrations", { ApiId: apiId })).Items!.length, 2);

  await platform.call("apigatewayv2", "ReimportApi", {
    ApiId: apiId,
    Body: "openapi: 3.0.1\ninfo: {title: second}\nservers: [{url: /v9}]\npaths: {/only: {get: {}}, $default: {x-amazon-apigateway-any-method: {isDefaultRoute: true}}}\n",
    Basepath: "prepend",
  });
  const routes = await platform.call("apigatewayv2", "GetRoutes", { ApiId: apiId });
  assert.deepEqual(routes.Items!.map((route) => route.RouteKey).sort(), ["$default", "GET /v9/only"]);
  assert.equal((await platform.call("apigatewayv2", "GetApi", { ApiId: apiId })).CorsConfiguration, undefined);
  assert.equal((await platform.send("GET", `${apiId}/items/1`)).status, 404);
  await platform.close();
});

test("an exported API imports to the same API", async () => {
  const platform = await openApiPlatform();
  const { ApiId } = await platform.call("apigatewayv2", "ImportApi", { Body: JSON.stringify(DOCUMENT) });
  for (const OutputType of ["JSON", "YAML"] as const) {
    const exported = await platform.call("apigatewayv2", "ExportApi", { ApiId, Specification: "OAS30", OutputType });
    const again = await platform.call("apigatewayv2", "ImportApi", { Body: Buffer.from(exported.body!).toString() });
    const shape = async (apiId: string | undefined) => ({
      routes: (await platform.call("apigatewayv2", "GetRoutes", { ApiId: apiId }))
        .Items!.map(({ RouteKey, AuthorizationType, OperationName }) => ({
          RouteKey,
          AuthorizationType,
          OperationName,
        }))
        .sort((left, right) => left.RouteKey!.localeCompare(right.RouteKey!)),
      authorizers: (await platform.call("apigatewayv2", "GetAuthorizers", { ApiId: apiId })).Items!.map(
        ({ AuthorizerId: _, ...rest }) => rest,
      ),
      cors: (await platform.call("apigatewayv2", "GetApi", { ApiId: apiId })).CorsConfiguration,
    });
    assert.deepEqual(await shape(again.ApiId), await shape(ApiId), OutputType);
  }
  await platform.close();
});

test("documents that cannot be honoured are refused by name", async () => {
  const platform = await openApiPlatform();
  const refusal = async (document: unknown) =>
    platform
      .call("apigatewayv2", "ImportApi", { Body: typeof document === "string" ? document : JSON.stringify(document) })
      .then(
        () => "accepted",
        (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
      );
  assert.match(await refusal("{"), /^BadRequestException: Invalid OpenAPI input/);
  assert.match(await refusal({ swagger: "2.0", paths: {} }), /HTTP APIs support OpenAPI 3.0 only/);
  assert.match(
    await refusal({ openapi: "3.0.1", paths: { "/a": { get: { "x-amazon-apigateway-request-validator": "all" } } } }),
    /NotImplemented: .*x-amazon-apigateway-request-validator in GET \/a/,
  );
  assert.match(
    await refusal({
      openapi: "3.0.1",
      paths: { "/a": { get: { "x-amazon-apigateway-integration": { $ref: "#/no/where" } } } },
    }),
    /Unable to resolve reference/,
  );
  assert.equal((await platform.call("apigatewayv2", "GetApis", {})).Items!.length, 0);
  await platform.close();
});
