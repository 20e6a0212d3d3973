import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

const ref = (Ref: string) => ({ Ref });
const sub = (text: string) => ({ "Fn::Sub": text });
const att = (...path: string[]) => ({ "Fn::GetAtt": path });
const outputs = (...names: string[]) => Object.fromEntries(names.map((name) => [name, { Value: ref(name) }]));

/** Creates the stack, or updates it, and gives its outputs. */
async function deploy(platform: TestPlatform, template: object, create: boolean): Promise<Record<string, string>> {
  const input = { StackName: "s", TemplateBody: JSON.stringify(template) };
  await platform.call("cloudformation", create ? "CreateStack" : "UpdateStack", input);
  for (let step = 0; step < 50; step++) {
    await platform.advance(1000);
    const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
    const { StackStatus, StackStatusReason, Outputs } = Stacks![0]!;
    if (StackStatus!.endsWith("_IN_PROGRESS")) continue;
    assert.equal(StackStatus, create ? "CREATE_COMPLETE" : "UPDATE_COMPLETE", StackStatusReason);
    return Object.fromEntries((Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  }
  throw new Error("The stack is never done");
}

async function remove(platform: TestPlatform): Promise<void> {
  await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
  await platform.advance(30_000);
}

function restTemplate(second: boolean): object {
  const mock = (body: string) => ({
    Type: "MOCK",
    RequestTemplates: { "application/json": "{ statusCode: 200 }" },
    IntegrationResponses: [{ StatusCode: 200, ResponseTemplates: { "application/json": body } }],
  });
  const resources = {
    Rest: {
      Type: "AWS::ApiGateway::RestApi",
      Properties: {
        Name: "rest",
        ...(!second && { Description: "first" }),
        BinaryMediaTypes: ["image/png", second ? "c/d" : "a/b"],
        Tags: [{ Key: second ? "new" : "old", Value: "1" }],
      },
    },
    Path: {
      Type: "AWS::ApiGateway::Resource",
      Properties: { RestApiId: ref("Rest"), ParentId: att("Rest", "RootResourceId"), PathPart: "a" },
    },
    Method: {
      Type: "AWS::ApiGateway::Method",
      Properties: {
        RestApiId: ref("Rest"),
        ResourceId: ref("Path"),
        HttpMethod: "GET",
        AuthorizationType: "NONE",
        Integration: mock(second ? "two" : "one"),
        MethodResponses: [{ StatusCode: 200 }],
      },
    },
    Refusal: {
      Type: "AWS::ApiGateway::GatewayResponse",
      Properties: { RestApiId: ref("Rest"), ResponseType: "DEFAULT_4XX", StatusCode: second ? "418" : "404" },
    },
    [second ? "Deployment2" : "Deployment1"]: {
      Type: "AWS::ApiGateway::Deployment",
      DependsOn: ["Method", "Refusal"],
      Properties: { RestApiId: ref("Rest") },
    },
    Stage: {
      Type: "AWS::ApiGateway::Stage",
      Properties: {
        RestApiId: ref("Rest"),
        StageName: "prod",
        DeploymentId: ref(second ? "Deployment2" : "Deployment1"),
        Variables: second ? { a: "9" } : { a: "1", b: "2" },
        ...(!second && { MethodSettings: [{ HttpMethod: "*", ResourcePath: "/*", ThrottlingBurstLimit: 5 }] }),
      },
    },
    Key: { Type: "AWS::ApiGateway::ApiKey", DependsOn: "Stage", Properties: { Name: "key", Enabled: !second } },
    Plan: {
      Type: "AWS::ApiGateway::UsagePlan",
      DependsOn: "Stage",
      Properties: {
        UsagePlanName: "plan",
        ApiStages: [
          { ApiId: ref("Rest"), Stage: "prod", ...(!second && { Throttle: { "/a/GET": { RateLimit: 1 } } }) },
        ],
        ...(second ? { Throttle: { RateLimit: 3, BurstLimit: 4 } } : { Quota: { Limit: 5, Period: "DAY" } }),
      },
    },
    PlanKey: {
      Type: "AWS::ApiGateway::UsagePlanKey",
      Properties: { KeyId: ref("Key"), KeyType: "API_KEY", UsagePlanId: ref("Plan") },
    },
  };
  return { Resources: resources, Outputs: outputs("Rest", "Plan", "Key") };
}

test("a stack of a REST API is made, changed in place and removed", async () => {
  const platform = await openTestPlatform();
  const first = await deploy(platform, restTemplate(false), true);
  const restApiId = first["Rest"];
  const state = async () => {
    const { description, binaryMediaTypes, tags } = await platform.call("apigateway", "GetRestApi", { restApiId });
    const stage = await platform.call("apigateway", "GetStage", { restApiId, stageName: "prod" });
    const plan = await platform.call("apigateway", "GetUsagePlan", { usagePlanId: first["Plan"] });
    const key = await platform.call("apigateway", "GetApiKey", { apiKey: first["Key"] });
    return {
      description,
      binaryMediaTypes,
      tags: Object.keys(tags ?? {}),
      variables: stage.variables,
      settings: stage.methodSettings,
      throttle: plan.throttle,
      stageThrottle: plan.apiStages![0]!.throttle,
      quota: plan.quota,
      enabled: key.enabled,
    };
  };
  assert.deepEqual(await state(), {
    description: "first",
    binaryMediaTypes: ["image/png", "a/b"],
    tags: ["old"],
    variables: { a: "1", b: "2" },
    settings: { "*/*": { throttlingBurstLimit: 5 } },
    throttle: undefined,
    stageThrottle: { "/a/GET": { rateLimit: 1 } },
    quota: { limit: 5, period: "DAY" },
    enabled: true,
  });
  assert.deepEqual(await deploy(platform, restTemplate(true), false), first);
  assert.deepEqual(await state(), {
    description: undefined,
    binaryMediaTypes: ["image/png", "c/d"],
    tags: ["new"],
    variables: { a: "9" },
    settings: {},
    throttle: { rateLimit: 3, burstLimit: 4 },
    stageThrottle: undefined,
    quota: undefined,
    enabled: false,
  });
  const deployments = await platform.call("apigateway", "GetDeployments", { restApiId });
  assert.equal(deployments.items!.length, 1);
  await remove(platform);
  assert.equal((await platform.call("apigateway", "GetRestApis", {})).items!.length, 0);
  assert.equal((await platform.call("apigateway", "GetUsagePlans", {})).items!.length, 0);
  await platform.close();
});

function httpTemplate(second: boolean): object {
  const resources = {
    Api: {
      Type: "AWS::ApiGatewayV2::Api",
      Properties: {
        Name: "http",
        ProtocolType: "HTTP",
        ...(!second && { CorsConfiguration: { AllowOrigins: ["*"], MaxAge: "60" } }),
        Tags: second ? { b: "3" } : { a: "1", b: "2" },
      },
    },
    Integration: {
      Type: "AWS::ApiGatewayV2::Integration",
      Properties: {
        ApiId: ref("Api"),
        IntegrationType: "HTTP_PROXY",
        IntegrationMethod: "GET",
        IntegrationUri: "http://localhost:1",
        PayloadFormatVersion: "1.0",
        RequestParameters: second ? { "append:header.b": "3" } : { "append:header.a": "1", "append:header.b": "2" },
        ...(!second && {
          ResponseParameters: { "404": { ResponseParameters: [{ Destination: "append:header.x", Source: "1" }] } },
        }),
      },
    },
    Route: {
      Type: "AWS::ApiGatewayV2::Route",
      Properties: {
        ApiId: ref("Api"),
        RouteKey: second ? "GET /second" : "GET /first",
        Target: sub("integrations/${Integration}"),
      },
    },
    Stage: {
      Type: "AWS::ApiGatewayV2::Stage",
      DependsOn: "Route",
      Properties: {
        ApiId: ref("Api"),
        StageName: "$default",
        AutoDeploy: true,
        StageVariables: second ? { b: "5" } : { a: "1", b: "2" },
        ...(!second && { RouteSettings: { "GET /first": { ThrottlingBurstLimit: 5 } } }),
      },
    },
  };
  return {
    Resources: resources,
    Outputs: { ...outputs("Api", "Integration"), Endpoint: { Value: att("Api", "ApiEndpoint") } },
  };
}

test("a stack of an HTTP API is made, changed in place and removed", async () => {
  const platform = await openTestPlatform();
  const first = await deploy(platform, httpTemplate(false), true);
  const ApiId = first["Api"];
  assert.equal(first["Endpoint"], `http://${ApiId}.execute-api.localhost:4566`);
  const state = async () => {
    const { CorsConfiguration, Tags } = await platform.call("apigatewayv2", "GetApi", { ApiId });
    const stage = await platform.call("apigatewayv2", "GetStage", { ApiId, StageName: "$default" });
    const integration = await platform.call("apigatewayv2", "GetIntegration", {
      ApiId,
      IntegrationId: first["Integration"],
    });
    return {
      cors: CorsConfiguration,
      tags: Tags,
      variables: stage.StageVariables,
      settings: stage.RouteSettings,
      request: integration.RequestParameters,
      response: integration.ResponseParameters,
      routes: (await platform.call("apigatewayv2", "GetRoutes", { ApiId })).Items!.map(({ RouteKey }) => RouteKey),
    };
  };
  assert.deepEqual(await state(), {
    cors: { AllowOrigins: ["*"], MaxAge: 60 },
    tags: { a: "1", b: "2" },
    variables: { a: "1", b: "2" },
    settings: { "GET /first": { ThrottlingBurstLimit: 5 } },
    request: { "append:header.a": "1", "append:header.b": "2" },
    response: { "404": { "append:header.x": "1" } },
    routes: ["GET /first"],
  });
  assert.deepEqual(await deploy(platform, httpTemplate(true), false), first);
  assert.deepEqual(await state(), {
    cors: undefined,
    tags: { b: "3" },
    variables: { b: "5" },
    settings: {},
    request: { "append:header.b": "3" },
    response: {},
    routes: ["GET /second"],
  });
  await remove(platform);
  assert.equal((await platform.call("apigatewayv2", "GetApis", {})).Items!.length, 0);
  await platform.close();
});
