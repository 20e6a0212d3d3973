import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiPlatform } from "../apigateway-common/testing.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";

async function withApi(
  work: (
    call: Awaited<ReturnType<typeof openApiPlatform>>["call"],
    ApiId: string,
    refusal: (operation: string, input: object) => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  const platform = await openApiPlatform();
  try {
    const { ApiId } = await platform.call("apigatewayv2", "CreateApi", { Name: "a", ProtocolType: "HTTP" });
    const refusal = (operation: string, input: object) =>
      platform.call("apigatewayv2", operation as "GetApi", { ApiId, ...input } as never).then(
        () => "accepted",
        (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
      );
    await work(platform.call, ApiId!, refusal);
  } finally {
    await platform.close();
  }
}

test("what cannot be made is refused in API Gateway's words", () =>
  withApi(async (call, ApiId, refusal) => {
    const cases: [string, object, RegExp][] = [
      ["CreateApi", { Name: "w", ProtocolType: "WEBSOCKET" }, /^NotImplemented: .*WebSocket APIs/],
      ["CreateApi", { Name: "w", ProtocolType: "HTTP", RouteKey: "GET /" }, /Target must be specified/],
      ["GetApi", { ApiId: "missing" }, /^NotFoundException: Invalid API identifier specified 000000000000:missing/],
      [
        "CreateRoute",
        { RouteKey: "GET pets" },
        /^BadRequestException: The provided route key is not formatted properly for HTTP protocol/,
      ],
      ["CreateRoute", { RouteKey: "FETCH /pets" }, /not formatted properly/],
      ["CreateRoute", { RouteKey: "GET /{a+}/b" }, /greedy path variable/],
      ["CreateRoute", { RouteKey: "GET /a", Target: "integrations/none" }, /integration none does not exist/],
      ["CreateRoute", { RouteKey: "GET /a", AuthorizationType: "JWT" }, /AuthorizerId is required/],
      ["CreateRoute", { RouteKey: "GET /a", RequestModels: { a: "b" } }, /^NotImplemented: .*RequestModels/],
      [
        "CreateIntegration",
        { IntegrationType: "AWS", IntegrationUri: FUNCTION, PayloadFormatVersion: "1.0" },
        /Currently, an API with a protocol type of HTTP may only be associated with proxy integrations \(AWS_PROXY, HTTP_PROXY\)/,
      ],
      [
        "CreateIntegration",
        { IntegrationType: "AWS_PROXY", IntegrationUri: FUNCTION },
        /PayloadFormatVersion is a required parameter for integration/,
      ],
      [
        "CreateIntegration",
        {
          IntegrationType: "HTTP_PROXY",
          IntegrationUri: "ftp://x",
          IntegrationMethod: "GET",
          PayloadFormatVersion: "1.0",
        },
        /Invalid HTTP endpoint/,
      ],
      [
        "CreateIntegration",
        {
          IntegrationType: "AWS_PROXY",
          IntegrationUri: FUNCTION,
          PayloadFormatVersion: "2.0",
          TimeoutInMillis: 30_001,
        },
        /Timeout should be between 50 ms and 30000 ms/,
      ],
      [
        "CreateIntegration",
        { IntegrationType: "AWS_PROXY", IntegrationSubtype: "Kinesis-PutRecord", PayloadFormatVersion: "1.0" },
        /^NotImplemented: .*Kinesis-PutRecord/,
      ],
      [
        "CreateIntegration",
        { IntegrationType: "AWS_PROXY", IntegrationSubtype: "SQS-SendMessage", PayloadFormatVersion: "1.0" },
        /Credentials are required/,
      ],
      [
        "CreateIntegration",
        {
          IntegrationType: "HTTP_PROXY",
          IntegrationUri: "http://x",
          IntegrationMethod: "GET",
          PayloadFormatVersion: "1.0",
          RequestParameters: { "append:header.Authorization": "x" },
        },
        /Invalid mapping expression specified: Validation Result: warnings : \[\], errors : \[Operations on header authorization are restricted\]/,
      ],
      [
        "CreateIntegration",
        {
          IntegrationType: "HTTP_PROXY",
          IntegrationUri: "http://x",
          IntegrationMethod: "GET",
          PayloadFormatVersion: "1.0",
          RequestParameters: { "append:header.x": "$request.body..deep" },
        },
        /Invalid mapping expression specified/,
      ],
      ["CreateStage", { StageName: "a b" }, /Stage name only allows/],
      ["CreateStage", { StageName: "s", DeploymentId: "none" }, /Deployment id does not exist/],
      [
        "CreateStage",
        { StageName: "s", AccessLogSettings: { DestinationArn: "arn", Format: "x" } },
        /^NotImplemented: .*AccessLogSettings/,
      ],
      [
        "CreateStage",
        { StageName: "s", DefaultRouteSettings: { DetailedMetricsEnabled: true } },
        /^NotImplemented: .*DetailedMetricsEnabled/,
      ],
      ["CreateDeployment", {}, /At least one route is required before deploying the Api/],
      ["GetRoute", { RouteId: "none" }, /^NotFoundException/],
      ["GetStage", { StageName: "none" }, /^NotFoundException: Invalid stage identifier specified/],
      [
        "CreateAuthorizer",
        { Name: "j", AuthorizerType: "JWT", IdentitySource: ["$request.header.A"], JwtConfiguration: { Issuer: "x" } },
        /Issuer must be a valid URL/,
      ],
    ];
    for (const [operation, input, expected] of cases) {
      assert.match(await refusal(operation, input), expected, `${operation} ${JSON.stringify(input)}`);
    }
    await call("apigatewayv2", "CreateRoute", { ApiId, RouteKey: "GET /pets/{id}" });
    assert.match(
      await refusal("CreateRoute", { RouteKey: "GET /pets/{other}" }),
      /^ConflictException: Route with key GET \/pets\/\{other\} already exists for this API/,
    );
  }));

test("updates replace what is given and merge parameters", () =>
  withApi(async (call, ApiId) => {
    const { IntegrationId } = await call("apigatewayv2", "CreateIntegration", {
      ApiId,
      IntegrationType: "HTTP_PROXY",
      IntegrationUri: "http://x",
      IntegrationMethod: "GET",
      PayloadFormatVersion: "1.0",
      RequestParameters: { "append:header.a": "1", "append:header.b": "2" },
      ResponseParameters: { "200": { "append:header.c": "3" }, "404": { "overwrite:statuscode": "403" } },
    });
    const updated = await call("apigatewayv2", "UpdateIntegration", {
      ApiId,
      IntegrationId,
      RequestParameters: { "append:header.a": "", "append:header.d": "4" },
      ResponseParameters: { "404": {} },
    });
    assert.deepEqual(updated.RequestParameters, { "append:header.b": "2", "append:header.d": "4" });
    assert.deepEqual(updated.ResponseParameters, { "200": { "append:header.c": "3" } });
    assert.equal(updated.IntegrationUri, "http://x");
    const api = await call("apigatewayv2", "UpdateApi", {
      ApiId,
      Description: "d",
      CorsConfiguration: { AllowOrigins: ["*"] },
    });
    assert.deepEqual([api.Name, api.Description, api.CorsConfiguration], ["a", "d", { AllowOrigins: ["*"] }]);
    await call("apigatewayv2", "DeleteCorsConfiguration", { ApiId });
    assert.equal((await call("apigatewayv2", "GetApi", { ApiId })).CorsConfiguration, undefined);
  }));

test("lists come in pages, and parts that are in use stay", () =>
  withApi(async (call, ApiId, refusal) => {
    const made = await call("apigatewayv2", "CreateIntegration", {
      ApiId,
      IntegrationType: "AWS_PROXY",
      IntegrationUri: FUNCTION,
      PayloadFormatVersion: "2.0",
    });
    for (const path of ["/a", "/b", "/c"]) {
      await call("apigatewayv2", "CreateRoute", {
        ApiId,
        RouteKey: `GET ${path}`,
        Target: `integrations/${made.IntegrationId}`,
      });
    }
    const first = await call("apigatewayv2", "GetRoutes", { ApiId, MaxResults: "2" });
    const second = await call("apigatewayv2", "GetRoutes", { ApiId, MaxResults: "2", NextToken: first.NextToken });
    assert.deepEqual([first.Items!.length, second.Items!.length, second.NextToken], [2, 1, undefined]);
    assert.match(
      await refusal("DeleteIntegration", { IntegrationId: made.IntegrationId }),
      /^ConflictException: .*referenced by one or more Route/,
    );
    const { DeploymentId } = await call("apigatewayv2", "CreateDeployment", { ApiId });
    await call("apigatewayv2", "CreateStage", { ApiId, StageName: "s", DeploymentId });
    assert.match(await refusal("DeleteDeployment", { DeploymentId }), /Active stages pointing to this deployment/);
  }));

test("automatic deployments replace one another", () =>
  withApi(async (call, ApiId) => {
    await call("apigatewayv2", "CreateStage", { ApiId, StageName: "$default", AutoDeploy: true });
    for (const path of ["/a", "/b", "/c"])
      await call("apigatewayv2", "CreateRoute", { ApiId, RouteKey: `GET ${path}` });
    const { Items } = await call("apigatewayv2", "GetDeployments", { ApiId });
    const stage = await call("apigatewayv2", "GetStage", { ApiId, StageName: "$default" });
    assert.deepEqual(
      Items!.map((one) => [one.DeploymentId, one.AutoDeployed]),
      [[stage.DeploymentId, true]],
    );
  }));

test("tags of APIs and stages", () =>
  withApi(async (call, ApiId) => {
    await call("apigatewayv2", "CreateStage", { ApiId, StageName: "$default" });
    for (const ResourceArn of [
      `arn:aws:apigateway:us-east-1::/apis/${ApiId}`,
      `arn:aws:apigateway:us-east-1::/apis/${ApiId}/stages/$default`,
    ]) {
      await call("apigatewayv2", "TagResource", { ResourceArn, Tags: { a: "1", b: "2" } });
      await call("apigatewayv2", "UntagResource", { ResourceArn, TagKeys: ["a"] });
      assert.deepEqual((await call("apigatewayv2", "GetTags", { ResourceArn })).Tags, { b: "2" });
    }
  }));
