import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../../kernel/errors.ts";
import { type ApiPlatform, type ApiPlatformOptions, openApiPlatform } from "../../apigateway-common/testing.ts";
import type { InputOf } from "../../service.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";
const INVOKE = `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FUNCTION}/invocations`;
const ROLE = "arn:aws:iam::000000000000:role/api";

interface MethodSpec {
  readonly method?: Partial<InputOf<"apigateway", "PutMethod">>;
  readonly integration?: Partial<InputOf<"apigateway", "PutIntegration">>;
  /** By status code: method response parameters, and the integration response. */
  readonly responses?: Readonly<
    Record<string, Partial<InputOf<"apigateway", "PutIntegrationResponse">> & { headers?: Record<string, boolean> }>
  >;
}

interface Fixture extends ApiPlatform {
  readonly apiId: string;
  /** Makes the resources on the way and a method, proxying to a function unless told otherwise. */
  method(httpMethod: string, path: string, spec?: MethodSpec): Promise<void>;
  deploy(): Promise<void>;
}

async function withApi(
  options: ApiPlatformOptions,
  work: (platform: Fixture) => Promise<void>,
  api: Partial<InputOf<"apigateway", "CreateRestApi">> = {},
): Promise<void> {
  const platform = await openApiPlatform(options);
  try {
    const { id: restApiId, rootResourceId } = await platform.call("apigateway", "CreateRestApi", { name: "a", ...api });
    const ids = new Map<string, string>([["", rootResourceId!]]);
    const resource = async (path: string): Promise<string> => {
      const known = ids.get(path);
      if (known) return known;
      const parentId = await resource(path.slice(0, path.lastIndexOf("/")));
      const pathPart = path.slice(path.lastIndexOf("/") + 1);
      const made = await platform.call("apigateway", "CreateResource", { restApiId, parentId, pathPart });
      ids.set(path, made.id!);
      return made.id!;
    };
    await work({
      ...platform,
      apiId: restApiId!,
      async method(httpMethod, path, { method, integration, responses = {} } = {}) {
        const at = { restApiId, resourceId: await resource(path === "/" ? "" : path), httpMethod };
        await platform.call("apigateway", "PutMethod", { ...at, authorizationType: "NONE", ...method });
        await platform.call("apigateway", "PutIntegration", {
          ...at,
          type: "AWS_PROXY",
          integrationHttpMethod: "POST",
          uri: INVOKE,
          ...integration,
        });
        for (const [statusCode, { headers, ...response }] of Object.entries(responses)) {
          await platform.call("apigateway", "PutMethodResponse", {
            ...at,
            statusCode,
            ...(headers && { responseParameters: headers }),
          });
          await platform.call("apigateway", "PutIntegrationResponse", { ...at, statusCode, ...response });
        }
      },
      async deploy() {
        await platform.call("apigateway", "CreateDeployment", { restApiId, stageName: "prod" });
      },
    });
  } finally {
    await platform.close();
  }
}

test("a Lambda proxy gets the documented event and answers for itself", () =>
  withApi(
    {
      lambda: () => ({
        statusCode: 201,
        headers: { "X-A": "1" },
        multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"] },
        body: "made",
      }),
    },
    async (platform) => {
      await platform.method("ANY", "/pets/{id}/{proxy+}");
      await platform.deploy();
      const reply = await platform.send("POST", `${platform.apiId}/prod/pets/a%20b/x/y?q=1&q=2`, {
        headers: [
          ["X-Twice", "1"],
          ["X-Twice", "2"],
          ["User-Agent", "agent"],
        ],
        body: "hello",
      });
      assert.deepEqual([reply.status, reply.text, reply.headers["X-A"]], [201, "made", "1"]);
      assert.deepEqual(reply.headers["Set-Cookie"], ["a=1", "b=2"]);
      assert.equal(reply.headers["content-type"], "application/json");
      assert.match(String(reply.headers["x-amzn-RequestId"]), /^[0-9a-f-]{36}$/);
      const { event, as } = platform.invoked[0]!;
      assert.equal(event.resource, "/pets/{id}/{proxy+}");
      assert.equal(event.path, "/pets/a b/x/y");
      assert.deepEqual(event.pathParameters, { id: "a b", proxy: "x/y" });
      assert.deepEqual(event.queryStringParameters, { q: "2" });
      assert.deepEqual(event.multiValueQueryStringParameters, { q: ["1", "2"] });
      assert.equal(event.headers["X-Twice"], "2");
      assert.deepEqual(event.multiValueHeaders["X-Twice"], ["1", "2"]);
      assert.equal(event.stageVariables, null);
      assert.deepEqual([event.body, event.isBase64Encoded], ["hello", false]);
      assert.equal(event.requestContext.path, "/prod/pets/a b/x/y");
      assert.equal(event.requestContext.resourcePath, "/pets/{id}/{proxy+}");
      assert.equal(event.requestContext.stage, "prod");
      assert.equal(event.requestContext.identity.userAgent, "agent");
      assert.equal(
        as.type === "service" && as.sourceArn,
        `arn:aws:execute-api:us-east-1:000000000000:${platform.apiId}/prod/POST/pets/{id}/{proxy+}`,
      );
    },
  ));

test("what goes wrong is said in API Gateway's words", () => {
  let answer: unknown;
  const lambda = () => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return withApi({ lambda }, async (platform) => {
    await platform.method("GET", "/x");
    await platform.deploy();
    const { apiId } = platform;
    const get = async (path: string, method = "GET") => {
      const reply = await platform.send(method, `${apiId}/${path}`);
      return [reply.status, reply.text, reply.headers["x-amzn-ErrorType"]];
    };
    assert.deepEqual(await get("nostage/x"), [403, '{"message":"Forbidden"}', "ForbiddenException"]);
    const missing = [403, '{"message":"Missing Authentication Token"}', "MissingAuthenticationTokenException"];
    assert.deepEqual(await get("prod/y"), missing);
    assert.deepEqual(await get("prod/x", "POST"), missing);
    const broken = [502, '{"message":"Internal server error"}', "InternalServerErrorException"];
    for (const malformed of [
      "text",
      { statusCode: "x" },
      { statusCode: 200, body: {} },
      { statusCode: 200, extra: 1 },
      { statusCode: 200, headers: { "X-Split": "a\r\nX-Injected: b" } },
      new Error("thrown"),
    ]) {
      answer = malformed;
      assert.deepEqual(await get("prod/x"), broken, String(malformed));
    }
    answer = new AwsError("AccessDeniedException", "no", 403);
    assert.deepEqual(await get("prod/x"), [500, '{"message":"Internal server error"}', "InternalServerErrorException"]);
    answer = { statusCode: 200, body: "ok" };
    assert.deepEqual(await get("prod/x/"), [200, "ok", undefined]);
  });
});

test("a backend that takes longer than its timeout is a 504", () =>
  withApi({ lambda: () => new Promise(() => {}) }, async (platform) => {
    await platform.method("GET", "/", { integration: { timeoutInMillis: 500 } });
    await platform.deploy();
    const pending = platform.send("GET", `${platform.apiId}/prod`);
    await platform.advance(501);
    const reply = await pending;
    assert.deepEqual([reply.status, reply.text], [504, '{"message":"Endpoint request timed out"}']);
  }));

test("changes are live only after a deployment", () =>
  withApi({ lambda: () => ({ statusCode: 200, body: "ok" }) }, async (platform) => {
    await platform.method("GET", "/first");
    await platform.deploy();
    await platform.method("GET", "/second");
    assert.equal((await platform.send("GET", `${platform.apiId}/prod/second`)).status, 403);
    await platform.deploy();
    assert.equal((await platform.send("GET", `${platform.apiId}/prod/second`)).status, 200);
  }));

test("SQS by path: a form that a template writes, with its content type", () =>
  withApi(
    {
      aws: () => ({
        headers: { "content-type": "text/xml" },
        body: "<SendMessageResponse><MessageId>m-1</MessageId></SendMessageResponse>",
      }),
    },
    async (platform) => {
      await platform.method("POST", "/contact", {
        integration: {
          type: "AWS",
          uri: "arn:aws:apigateway:us-east-1:sqs:path/000000000000/forms",
          credentials: ROLE,
          requestParameters: { "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'" },
          requestTemplates: { "application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)" },
          passthroughBehavior: "NEVER",
        },
        responses: {
          "200": {
            headers: { "method.response.header.Access-Control-Allow-Origin": false },
            responseParameters: { "method.response.header.Access-Control-Allow-Origin": "'*'" },
            responseTemplates: { "application/json": '{"accepted":true}' },
          },
          "500": { selectionPattern: "5\\d\\d|4\\d\\d" },
        },
      });
      await platform.deploy();
      const reply = await platform.send("POST", `${platform.apiId}/prod/contact`, {
        headers: { "content-type": "application/json" },
        body: '{"text":"a & b = c"}',
      });
      assert.deepEqual([reply.status, reply.text], [200, '{"accepted":true}']);
      assert.equal(reply.headers["Access-Control-Allow-Origin"], "*");
      const { request, as } = platform.dispatched[0]!;
      assert.deepEqual([request.service, request.method, request.path], ["sqs", "POST", "/000000000000/forms"]);
      assert.equal(request.headers["content-type"], "application/x-www-form-urlencoded");
      const form = Object.fromEntries(new URLSearchParams(Buffer.from(request.body).toString()));
      assert.deepEqual(form, { Action: "SendMessage", MessageBody: '{"text":"a & b = c"}' });
      assert.equal(as.principal.type === "assumed-role" && as.principal.roleArn, ROLE);
      const wrongType = await platform.send("POST", `${platform.apiId}/prod/contact`, {
        headers: { "content-type": "text/plain" },
        body: "x",
      });
      assert.deepEqual([wrongType.status, wrongType.text], [415, '{"message":"Unsupported Media Type"}']);
    },
  ));

test("actions: JSON services by target, query services by form", () =>
  withApi({ aws: () => ({ body: '{"Item":{}}' }) }, async (platform) => {
    await platform.method("GET", "/item/{id}", {
      integration: {
        type: "AWS",
        uri: "arn:aws:apigateway:us-east-1:dynamodb:action/GetItem",
        credentials: ROLE,
        requestTemplates: { "application/json": '{"TableName":"t","Key":{"id":{"S":"$input.params(\'id\')"}}}' },
      },
      responses: { "200": {} },
    });
    await platform.method("GET", "/send", {
      method: { requestParameters: { "method.request.querystring.message": true } },
      integration: {
        type: "AWS",
        integrationHttpMethod: "GET",
        uri: "arn:aws:apigateway:us-east-1:sqs:action/SendMessage",
        credentials: ROLE,
        requestParameters: {
          "integration.request.querystring.MessageBody": "method.request.querystring.message",
          "integration.request.querystring.QueueUrl": "'http://q'",
        },
      },
      responses: { "200": {} },
    });
    await platform.deploy();
    assert.deepEqual((await platform.send("GET", `${platform.apiId}/prod/item/7`)).json, { Item: {} });
    await platform.send("GET", `${platform.apiId}/prod/send?message=hi`);
    const [get, send] = platform.dispatched.map(({ request }) => request);
    assert.equal(get!.headers["x-amz-target"], "DynamoDB_20120810.GetItem");
    assert.equal(Buffer.from(get!.body).toString(), '{"TableName":"t","Key":{"id":{"S":"7"}}}');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(Buffer.from(send!.body).toString())), {
      MessageBody: "hi",
      QueueUrl: "http://q",
      Action: "SendMessage",
      Version: "2012-11-05",
    });
  }));

test("a function behind templates: errors are selected by their message", () =>
  withApi(
    {
      lambda: ({ event }) => {
        if (event.fail) throw new Error(event.fail);
        return { sum: event.a + 1 };
      },
    },
    async (platform) => {
      await platform.method("POST", "/f", {
        integration: {
          type: "AWS",
          requestTemplates: { "application/json": "{\"a\":$input.path('$.a'),\"fail\":$input.json('$.fail')}" },
        },
        responses: {
          "200": { responseTemplates: { "application/json": "#set($r = $input.path('$'))result=$r.sum" } },
          "404": {
            selectionPattern: ".*not found.*",
            responseTemplates: { "application/json": "$input.path('$.errorMessage')" },
          },
        },
      });
      await platform.method("POST", "/later", {
        method: {},
        integration: {
          type: "AWS",
          requestParameters: { "integration.request.header.X-Amz-Invocation-Type": "'Event'" },
        },
        responses: { "202": {} },
      });
      await platform.deploy();
      const post = async (body: string) => {
        const reply = await platform.send("POST", `${platform.apiId}/prod/f`, { body });
        return [reply.status, reply.text];
      };
      assert.deepEqual(await post('{"a":1}'), [200, "result=2"]);
      assert.deepEqual(await post('{"a":1,"fail":"item not found here"}'), [404, "item not found here"]);
      await platform.send("POST", `${platform.apiId}/prod/later`, { body: '{"x":1}' });
      assert.equal(platform.invoked.at(-1)!.type, "Event");
    },
  ));

test("MOCK answers by its template, with overrides and CORS headers", () =>
  withApi({}, async (platform) => {
    const headers = ["Headers", "Methods", "Origin"].map(
      (name) => `method.response.header.Access-Control-Allow-${name}`,
    );
    await platform.method("OPTIONS", "/", {
      integration: { type: "MOCK", requestTemplates: { "application/json": '{"statusCode": 200}' } },
      responses: {
        "200": {
          headers: Object.fromEntries(headers.map((name) => [name, false])),
          responseParameters: Object.fromEntries(headers.map((name) => [name, "'*'"])),
          responseTemplates: { "application/json": "" },
        },
      },
    });
    await platform.method("OPTIONS", "/cdk", {
      integration: { type: "MOCK", requestTemplates: { "application/json": "{ statusCode: 204 }" } },
      responses: { "204": {} },
    });
    await platform.method("GET", "/", {
      integration: { type: "MOCK", requestTemplates: { "application/json": "{\"statusCode\": $input.params('s')}" } },
      responses: {
        "200": {
          responseTemplates: {
            "application/json":
              "#set($context.responseOverride.status = 299)#set($context.responseOverride.header.X-Mine = 'yes')$context.stage",
          },
        },
        "400": { selectionPattern: "4\\d\\d" },
      },
    });
    await platform.deploy();
    const options = await platform.send("OPTIONS", `${platform.apiId}/prod`);
    assert.deepEqual([options.status, options.text, options.headers["Access-Control-Allow-Origin"]], [200, "", "*"]);
    assert.equal((await platform.send("OPTIONS", `${platform.apiId}/prod/cdk`)).status, 204);
    const overridden = await platform.send("GET", `${platform.apiId}/prod?s=200`);
    assert.deepEqual([overridden.status, overridden.text, overridden.headers["X-Mine"]], [299, "prod", "yes"]);
    assert.equal((await platform.send("GET", `${platform.apiId}/prod?s=404`)).status, 400);
    const broken = await platform.send("GET", `${platform.apiId}/prod?s=none`);
    assert.deepEqual([broken.status, broken.text], [500, '{"message":"Internal server error"}']);
  }));

test("HTTP proxies and mapped HTTP backends", () =>
  withApi(
    {
      http: (request) => ({
        status: request.url.pathname === "/bad" ? 503 : 200,
        headers: [["X-Back", "b"]],
        body: Buffer.from("from backend"),
      }),
    },
    async (platform) => {
      await platform.method("ANY", "/p/{proxy+}", {
        method: { requestParameters: { "method.request.path.proxy": true } },
        integration: {
          type: "HTTP_PROXY",
          integrationHttpMethod: "ANY",
          uri: "http://back.test/base/{proxy}",
          requestParameters: { "integration.request.path.proxy": "method.request.path.proxy" },
        },
      });
      await platform.method("GET", "/mapped", {
        integration: { type: "HTTP", integrationHttpMethod: "GET", uri: "http://back.test/bad" },
        responses: {
          "200": {},
          "502": {
            selectionPattern: "5..",
            headers: { "method.response.header.X-Seen": true },
            responseParameters: { "method.response.header.X-Seen": "integration.response.header.X-Back" },
            responseTemplates: { "text/plain": "down: $input.body" },
          },
        },
      });
      await platform.deploy();
      const proxied = await platform.send("PUT", `${platform.apiId}/prod/p/a/b?x=1`, {
        headers: { "X-Own": "o" },
        body: "data",
      });
      assert.deepEqual([proxied.status, proxied.text, proxied.headers["X-Back"]], [200, "from backend", "b"]);
      assert.equal(platform.sent[0]!.url.href, "http://back.test/base/a/b?x=1");
      assert.equal(Object.fromEntries(platform.sent[0]!.headers)["X-Own"], "o");
      const mapped = await platform.send("GET", `${platform.apiId}/prod/mapped`);
      assert.deepEqual(
        [mapped.status, mapped.text, mapped.headers["X-Seen"], mapped.headers["Content-Type"]],
        [502, "down: from backend", "b", "text/plain"],
      );
    },
  ));

test("an unreachable HTTP backend is a 504", () =>
  withApi({}, async (platform) => {
    await platform.method("GET", "/", {
      integration: { type: "HTTP_PROXY", integrationHttpMethod: "GET", uri: "http://gone.test" },
    });
    await platform.deploy();
    assert.equal((await platform.send("GET", `${platform.apiId}/prod`)).status, 504);
  }));

test("binary media types: base64 in the event, bytes in the answer for clients that accept them", () =>
  withApi(
    {
      lambda: () => ({
        statusCode: 200,
        headers: { "Content-Type": "image/png" },
        body: Buffer.from([1, 255]).toString("base64"),
        isBase64Encoded: true,
      }),
    },
    async (platform) => {
      await platform.method("POST", "/");
      await platform.deploy();
      const post = (accept: string) =>
        platform.send("POST", `${platform.apiId}/prod`, {
          headers: { "content-type": "image/jpeg", accept },
          body: "abc",
        });
      assert.notEqual((await post("image/png")).text, "Af8=");
      assert.equal((await post("text/html")).text, "Af8=");
      assert.deepEqual([platform.invoked[0]!.event.body, platform.invoked[0]!.event.isBase64Encoded], ["YWJj", true]);
    },
    { binaryMediaTypes: ["image/*"] },
  ));

test("Lambda authorizers: tokens, policies, caches, and the context they hand on", () =>
  withApi(
    {
      lambda: ({ event }) => {
        if (event.type !== "TOKEN") return { statusCode: 200, body: JSON.stringify(event.requestContext.authorizer) };
        if (event.authorizationToken === "nobody") throw new Error("Unauthorized");
        if (event.authorizationToken === "broken") throw new Error("other");
        return {
          principalId: "user",
          policyDocument: {
            Version: "2012-10-17",
            Statement: [
              {
                Action: "execute-api:Invoke",
                Effect: event.authorizationToken === "allow" ? "Allow" : "Deny",
                Resource: event.methodArn,
              },
            ],
          },
          context: { number: 1, flag: true, text: "t" },
        };
      },
    },
    async (platform) => {
      const { apiId } = platform;
      const { id: authorizerId } = await platform.call("apigateway", "CreateAuthorizer", {
        restApiId: apiId,
        name: "gate",
        type: "TOKEN",
        authorizerUri: INVOKE,
        identitySource: "method.request.header.Authorization",
        identityValidationExpression: "[a-z]+",
      });
      await platform.method("GET", "/", { method: { authorizationType: "CUSTOM", authorizerId } });
      await platform.deploy();
      const get = async (token?: string) => {
        const reply = await platform.send("GET", `${apiId}/prod`, token ? { headers: { Authorization: token } } : {});
        return [reply.status, reply.json];
      };
      assert.deepEqual(await get(), [401, { message: "Unauthorized" }]);
      assert.deepEqual(await get("NOT-LOWER"), [401, { message: "Unauthorized" }]);
      assert.deepEqual(await get("nobody"), [401, { message: "Unauthorized" }]);
      assert.deepEqual(await get("broken"), [500, { message: null }]);
      assert.deepEqual(await get("deny"), [403, { Message: "User is not authorized to access this resource" }]);
      const before = platform.invoked.length;
      const context = { principalId: "user", number: "1", flag: "true", text: "t" };
      assert.deepEqual(await get("allow"), [200, context]);
      assert.deepEqual(await get("allow"), [200, context]);
      assert.equal(platform.invoked.length - before, 3);
      await platform.advance(301_000);
      assert.deepEqual(await get("allow"), [200, context]);
      assert.equal(platform.invoked.length - before, 5);
    },
  ));

test("API keys: plans, throttles and quotas", () =>
  withApi({ lambda: () => ({ statusCode: 200, body: "ok" }) }, async (platform) => {
    const { apiId } = platform;
    await platform.method("GET", "/", { method: { apiKeyRequired: true } });
    await platform.deploy();
    const key = await platform.call("apigateway", "CreateApiKey", { name: "k", enabled: true });
    const get = async (value = key.value!) => {
      const reply = await platform.send("GET", `${apiId}/prod`, { headers: { "x-api-key": value } });
      return [reply.status, reply.text];
    };
    assert.deepEqual(await get(), [403, '{"message":"Forbidden"}']);
    const plan = await platform.call("apigateway", "CreateUsagePlan", {
      name: "p",
      apiStages: [{ apiId, stage: "prod" }],
      throttle: { rateLimit: 1, burstLimit: 2 },
      quota: { limit: 3, period: "DAY" },
    });
    await platform.call("apigateway", "CreateUsagePlanKey", {
      usagePlanId: plan.id,
      keyId: key.id,
      keyType: "API_KEY",
    });
    assert.deepEqual(await get(), [200, "ok"]);
    assert.equal(platform.invoked[0]!.event.requestContext.identity.apiKeyId, key.id);
    assert.deepEqual(await get("x".repeat(40)), [403, '{"message":"Forbidden"}']);
    assert.deepEqual(await get(), [200, "ok"]);
    assert.deepEqual(await get(), [429, '{"message":"Too Many Requests"}']);
    await platform.advance(5000);
    assert.deepEqual(await get(), [200, "ok"]);
    assert.deepEqual(await get(), [429, '{"message":"Limit Exceeded"}']);
    await platform.advance(86_400_000);
    assert.deepEqual(await get(), [200, "ok"]);
  }));

test("request validators check parameters and bodies", () =>
  withApi({ lambda: () => ({ statusCode: 200, body: "ok" }) }, async (platform) => {
    const restApiId = platform.apiId;
    await platform.call("apigateway", "CreateModel", {
      restApiId,
      name: "Pet",
      contentType: "application/json",
      schema: JSON.stringify({
        type: "object",
        required: ["name"],
        properties: { name: { type: "string", minLength: 1 } },
      }),
    });
    const { id: requestValidatorId } = await platform.call("apigateway", "CreateRequestValidator", {
      restApiId,
      name: "all",
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    await platform.method("POST", "/pets", {
      method: {
        requestValidatorId,
        requestModels: { "application/json": "Pet" },
        requestParameters: { "method.request.querystring.kind": true, "method.request.header.X-Need": true },
      },
    });
    await platform.deploy();
    const post = async (query: string, body: string) => {
      const reply = await platform.send("POST", `${restApiId}/prod/pets${query}`, { headers: { "X-Need": "n" }, body });
      return [reply.status, reply.text];
    };
    assert.deepEqual(await post("", "{}"), [400, '{"message":"Missing required request parameters: [kind]"}']);
    assert.deepEqual(await post("?kind=cat", "{}"), [400, '{"message":"Invalid request body"}']);
    assert.deepEqual(await post("?kind=cat", "not json"), [400, '{"message":"Invalid request body"}']);
    assert.deepEqual(await post("?kind=cat", '{"name":"Tom"}'), [200, "ok"]);
  }));

test("gateway responses can be customised, one by one or by class", () =>
  withApi({ lambda: () => ({ statusCode: 200, body: "ok" }) }, async (platform) => {
    const restApiId = platform.apiId;
    await platform.method("GET", "/");
    await platform.call("apigateway", "PutGatewayResponse", {
      restApiId,
      responseType: "MISSING_AUTHENTICATION_TOKEN",
      statusCode: "404",
      responseParameters: { "gatewayresponse.header.X-Why": "'lost'", "gatewayresponse.header.X-Path": "context.path" },
      responseTemplates: {
        "application/json": '{"error":$context.error.messageString,"type":"$context.error.responseType"}',
      },
    });
    await platform.deploy();
    const reply = await platform.send("GET", `${restApiId}/prod/nowhere`);
    assert.equal(reply.status, 404);
    assert.deepEqual(reply.json, { error: "Missing Authentication Token", type: "MISSING_AUTHENTICATION_TOKEN" });
    assert.deepEqual([reply.headers["X-Why"], reply.headers["X-Path"]], ["lost", "/prod/nowhere"]);
  }));

test("the API's own policy and AWS_IAM decide about callers", () =>
  withApi(
    {
      lambda: () => ({ statusCode: 200, body: "ok" }),
      mayInvoke: async (_flow, { resource }) => !resource.endsWith("/secret"),
    },
    async (platform) => {
      const { apiId } = platform;
      await platform.method("GET", "/open");
      await platform.method("GET", "/shut");
      await platform.method("GET", "/iam", { method: { authorizationType: "AWS_IAM" } });
      await platform.method("GET", "/secret", { method: { authorizationType: "AWS_IAM" } });
      await platform.deploy();
      const signed = { as: {} };
      assert.equal((await platform.send("GET", `${apiId}/prod/open`)).status, 200);
      const denied = await platform.send("GET", `${apiId}/prod/shut`);
      assert.equal(denied.status, 403);
      assert.match(
        denied.json.Message,
        /^User: anonymous is not authorized to perform: execute-api:Invoke on resource: .* with an explicit deny$/,
      );
      assert.deepEqual((await platform.send("GET", `${apiId}/prod/iam`)).json, {
        message: "Missing Authentication Token",
      });
      assert.equal((await platform.send("GET", `${apiId}/prod/iam`, signed)).status, 200);
      assert.equal((await platform.send("GET", `${apiId}/prod/secret`, signed)).status, 403);
    },
    {
      policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*" },
          { Effect: "Deny", Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/prod/GET/shut" },
        ],
      }),
    },
  ));

test("stage settings throttle single methods", () =>
  withApi({ lambda: () => ({ statusCode: 200, body: "ok" }) }, async (platform) => {
    await platform.method("GET", "/t");
    await platform.deploy();
    const stage = await platform.call("apigateway", "UpdateStage", {
      restApiId: platform.apiId,
      stageName: "prod",
      patchOperations: [
        { op: "replace", path: "/~1t/GET/throttling/burstLimit", value: "1" },
        { op: "replace", path: "/~1t/GET/throttling/rateLimit", value: "1" },
        { op: "replace", path: "/variables/v", value: "1" },
      ],
    });
    assert.deepEqual(stage.methodSettings, { "t/GET": { throttlingBurstLimit: 1, throttlingRateLimit: 1 } });
    assert.equal((await platform.send("GET", `${platform.apiId}/prod/t`)).status, 200);
    assert.equal((await platform.send("GET", `${platform.apiId}/prod/t`)).status, 429);
    assert.deepEqual(platform.invoked[0]!.event.stageVariables, { v: "1" });
  }));
