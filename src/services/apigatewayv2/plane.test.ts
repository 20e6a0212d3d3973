import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsError } from "../../kernel/errors.ts";
import { type ApiPlatform, type ApiPlatformOptions, openApiPlatform } from "../apigateway-common/testing.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";
const ROLE = "arn:aws:iam::000000000000:role/api";

interface Fixture extends ApiPlatform {
  readonly apiId: string;
  route(routeKey: string, integration?: object, route?: object): Promise<string>;
}

/** A platform with one API whose `$default` stage deploys by itself. */
async function withApi(
  options: ApiPlatformOptions,
  work: (platform: Fixture) => Promise<void>,
  api: object = {},
): Promise<void> {
  const platform = await openApiPlatform(options);
  try {
    const { ApiId } = await platform.call("apigatewayv2", "CreateApi", { Name: "a", ProtocolType: "HTTP", ...api });
    await platform.call("apigatewayv2", "CreateStage", { ApiId, StageName: "$default", AutoDeploy: true });
    const route = async (RouteKey: string, integration: object = {}, routeMembers: object = {}) => {
      const { IntegrationId } = await platform.call("apigatewayv2", "CreateIntegration", {
        ApiId,
        IntegrationType: "AWS_PROXY",
        IntegrationUri: FUNCTION,
        PayloadFormatVersion: "2.0",
        ...integration,
      });
      const { RouteId } = await platform.call("apigatewayv2", "CreateRoute", {
        ApiId,
        RouteKey,
        Target: `integrations/${IntegrationId}`,
        ...routeMembers,
      });
      return RouteId!;
    };
    await work({ ...platform, apiId: ApiId!, route });
  } finally {
    await platform.close();
  }
}

test("a quick-created API answers at once, with the inferred response of format 2.0", async () => {
  const platform = await openApiPlatform({ lambda: ({ event }) => ({ said: event.rawPath }) });
  const { ApiId, ApiEndpoint } = await platform.call("apigatewayv2", "CreateApi", {
    Name: "quick",
    ProtocolType: "HTTP",
    Target: FUNCTION,
  });
  assert.equal(ApiEndpoint, `http://${ApiId}.execute-api.localhost:4566`);
  const reply = await platform.send("GET", `${ApiId}/any/where`);
  assert.equal(reply.status, 200);
  assert.equal(reply.headers["content-type"], "application/json");
  assert.deepEqual(reply.json, { said: "/any/where" });
  assert.match(String(reply.headers["apigw-requestid"]), /^[A-Za-z0-9]{15}=$/);
  await platform.close();
});

test("the 2.0 event carries exactly what the documentation shows", () =>
  withApi({ lambda: () => "ok" }, async (platform) => {
    await platform.route("POST /pets/{id}/{rest+}");
    await platform.send("POST", `${platform.apiId}/pets/a%20b/x/y?q=1&q=2&e=`, {
      headers: [
        ["User-Agent", "agent"],
        ["Content-Type", "application/json"],
        ["X-Twice", "1"],
        ["X-Twice", "2"],
        ["Cookie", "a=1; b=2"],
      ],
      body: '{"k":1}',
    });
    const { event, as } = platform.invoked[0]!;
    assert.deepEqual(Object.keys(event), [
      "version",
      "routeKey",
      "rawPath",
      "rawQueryString",
      "cookies",
      "headers",
      "queryStringParameters",
      "requestContext",
      "pathParameters",
      "body",
      "isBase64Encoded",
    ]);
    assert.equal(event.routeKey, "POST /pets/{id}/{rest+}");
    assert.equal(event.rawPath, "/pets/a b/x/y");
    assert.equal(event.rawQueryString, "q=1&q=2&e=");
    assert.deepEqual(event.cookies, ["a=1", "b=2"]);
    assert.equal(event.headers["x-twice"], "1,2");
    assert.equal(event.headers["content-length"], "7");
    assert.equal(event.headers.cookie, undefined);
    assert.deepEqual(event.queryStringParameters, { q: "1,2", e: "" });
    assert.deepEqual(event.pathParameters, { id: "a b", rest: "x/y" });
    assert.equal(event.body, '{"k":1}');
    assert.equal(event.isBase64Encoded, false);
    assert.deepEqual(event.requestContext.http, {
      method: "POST",
      path: "/pets/a b/x/y",
      protocol: "HTTP/1.1",
      sourceIp: "127.0.0.1",
      userAgent: "agent",
    });
    assert.equal(event.requestContext.stage, "$default");
    assert.equal(event.requestContext.time, "01/Jan/2026:00:00:00 +0000");
    assert.equal(event.requestContext.timeEpoch, Date.UTC(2026, 0, 1));
    assert.deepEqual(as, {
      type: "service",
      service: "apigateway.amazonaws.com",
      sourceArn: `arn:aws:execute-api:us-east-1:000000000000:${platform.apiId}/$default/POST/pets/{id}/{rest+}`,
      sourceAccount: "000000000000",
    });
  }));

test("a body that is not text is base64 in the event", () =>
  withApi({ lambda: () => "ok" }, async (platform) => {
    await platform.route("$default");
    for (const type of ["application/x-www-form-urlencoded", "image/png", "multipart/form-data; boundary=x"]) {
      await platform.send("POST", `${platform.apiId}/`, { headers: { "content-type": type }, body: "a=1" });
      const { event } = platform.invoked.at(-1)!;
      assert.equal(event.isBase64Encoded, true, type);
      assert.equal(event.body, "YT0x");
    }
    for (const type of [
      "text/plain",
      "application/json; charset=utf-8",
      "application/vnd.api+json",
      "application/xml",
    ]) {
      await platform.send("POST", `${platform.apiId}/`, { headers: { "content-type": type }, body: "a=1" });
      assert.equal(platform.invoked.at(-1)!.event.body, "a=1", type);
    }
  }));

test("the 1.0 event has single and multiple values, and nulls where nothing is", () =>
  withApi(
    {
      lambda: () => ({
        statusCode: 201,
        multiValueHeaders: { "X-A": ["1", "2"] },
        headers: { "x-a": "0" },
        body: "made",
      }),
    },
    async (platform) => {
      await platform.route("ANY /v1/{proxy+}", { PayloadFormatVersion: "1.0" });
      const reply = await platform.send("PUT", `${platform.apiId}/v1/a/b?x=1&x=2`, {
        headers: [
          ["X-H", "1"],
          ["x-h", "2"],
        ],
      });
      assert.equal(reply.status, 201);
      assert.deepEqual(reply.headers["x-a"], ["1", "2"]);
      assert.equal(reply.headers["content-type"], "text/plain;charset=UTF-8");
      const { event } = platform.invoked[0]!;
      assert.equal(event.version, "1.0");
      assert.equal(event.resource, "/v1/{proxy+}");
      assert.equal(event.path, "/v1/a/b");
      assert.equal(event.httpMethod, "PUT");
      assert.equal(event.headers["x-h"], "2");
      assert.deepEqual(event.multiValueHeaders["x-h"], ["1", "2"]);
      assert.deepEqual(event.queryStringParameters, { x: "2" });
      assert.deepEqual(event.multiValueQueryStringParameters, { x: ["1", "2"] });
      assert.equal(event.body, null);
      assert.equal(event.stageVariables, null);
      assert.equal(event.requestContext.resourceId, "ANY /v1/{proxy+}");
      assert.equal(event.requestContext.identity.sourceIp, "127.0.0.1");
    },
  ));

test("what a function returns becomes the response, or a 500 when it is malformed", () => {
  let answer: unknown;
  const lambda = () => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return withApi({ lambda }, async (platform) => {
    await platform.route("GET /two");
    await platform.route("GET /one", { PayloadFormatVersion: "1.0" });
    const cases: [string, unknown, number, string][] = [
      ["two", "plain text", 200, "plain text"],
      ["two", { a: 1 }, 200, '{"a":1}'],
      ["two", { statusCode: 204 }, 204, ""],
      ["two", { statusCode: "418", body: "tea" }, 418, "tea"],
      ["two", { statusCode: 200, body: "aGk=", isBase64Encoded: true }, 200, "hi"],
      ["two", { statusCode: 200, body: { no: "text" } }, 500, '{"message":"Internal Server Error"}'],
      ["two", { statusCode: "abc" }, 500, '{"message":"Internal Server Error"}'],
      [
        "two",
        { statusCode: 200, headers: { "X-Split": "a\r\nX-Injected: b" } },
        500,
        '{"message":"Internal Server Error"}',
      ],
      ["two", { statusCode: 200, headers: { "bad name": "a" } }, 500, '{"message":"Internal Server Error"}'],
      ["two", { statusCode: 101 }, 500, '{"message":"Internal Server Error"}'],
      ["two", new Error("thrown"), 500, '{"message":"Internal Server Error"}'],
      ["two", new AwsError("AccessDeniedException", "no", 403), 500, '{"message":"Internal Server Error"}'],
      ["two", new AwsError("TooManyRequestsException", "no", 429), 503, '{"message":"Service Unavailable"}'],
      ["one", { a: 1 }, 500, '{"message":"Internal Server Error"}'],
      ["one", { statusCode: 200, body: "one" }, 200, "one"],
    ];
    for (const [path, given, status, text] of cases) {
      answer = given;
      const reply = await platform.send("GET", `${platform.apiId}/${path}`);
      assert.deepEqual([reply.status, reply.text], [status, text], JSON.stringify(given));
    }
    answer = { statusCode: 200, cookies: ["a=1", "b=2; Secure"], headers: { "X-Custom": 7 } };
    const reply = await platform.send("GET", `${platform.apiId}/two`);
    assert.deepEqual(reply.headers["set-cookie"], ["a=1", "b=2; Secure"]);
    assert.equal(reply.headers["x-custom"], "7");
  });
});

test("a backend that takes longer than its timeout is a 503", () =>
  withApi({ lambda: () => new Promise(() => {}) }, async (platform) => {
    await platform.route("GET /slow", { TimeoutInMillis: 1000 });
    const pending = platform.send("GET", `${platform.apiId}/slow`);
    await platform.advance(1001);
    const reply = await pending;
    assert.deepEqual([reply.status, reply.text], [503, '{"message":"Service Unavailable"}']);
  }));

test("stages: a named one comes first in the path, and carries its variables", () =>
  withApi(
    {
      lambda: ({ event }) => ({
        path: event.rawPath,
        variables: event.stageVariables,
        stage: event.requestContext.stage,
      }),
    },
    async (platform) => {
      const { apiId } = platform;
      await platform.route("GET /x");
      const { DeploymentId } = await platform.call("apigatewayv2", "CreateDeployment", { ApiId: apiId });
      await platform.call("apigatewayv2", "CreateStage", {
        ApiId: apiId,
        StageName: "dev",
        DeploymentId,
        StageVariables: { k: "v" },
      });
      assert.deepEqual((await platform.send("GET", `${apiId}/dev/x`)).json, {
        path: "/dev/x",
        variables: { k: "v" },
        stage: "dev",
      });
      assert.deepEqual((await platform.send("GET", `${apiId}/x`)).json, { path: "/x", stage: "$default" });
      const missing = await platform.send("GET", `${apiId}/y`);
      assert.deepEqual([missing.status, missing.text], [404, '{"message":"Not Found"}']);
      assert.equal((await platform.send("GET", "nosuchapi/x")).status, 404);
    },
  ));

test("a stage shows a deployment's snapshot; one that deploys by itself follows every change", () =>
  withApi({ lambda: () => "ok" }, async (platform) => {
    const { apiId } = platform;
    await platform.route("GET /first");
    const { DeploymentId } = await platform.call("apigatewayv2", "CreateDeployment", { ApiId: apiId });
    await platform.call("apigatewayv2", "CreateStage", { ApiId: apiId, StageName: "manual", DeploymentId });
    const routeId = await platform.route("GET /second");
    assert.equal((await platform.send("GET", `${apiId}/second`)).status, 200);
    assert.equal((await platform.send("GET", `${apiId}/manual/second`)).status, 404);
    await platform.call("apigatewayv2", "CreateDeployment", { ApiId: apiId, StageName: "manual" });
    assert.equal((await platform.send("GET", `${apiId}/manual/second`)).status, 200);
    await platform.call("apigatewayv2", "DeleteRoute", { ApiId: apiId, RouteId: routeId });
    assert.equal((await platform.send("GET", `${apiId}/second`)).status, 404);
    assert.equal((await platform.send("GET", `${apiId}/manual/second`)).status, 200);
    await platform.call("apigatewayv2", "DeleteApi", { ApiId: apiId });
    assert.equal((await platform.send("GET", `${apiId}/manual/second`)).status, 404);
  }));

test("CORS: preflights are answered without a route, responses carry the API's own headers", () =>
  withApi(
    { lambda: () => ({ statusCode: 200, headers: { "Access-Control-Allow-Origin": "https://other" }, body: "x" }) },
    async (platform) => {
      const { apiId } = platform;
      await platform.route("POST /form");
      const preflight = await platform.send("OPTIONS", `${apiId}/form`, {
        headers: { Origin: "https://a.example", "Access-Control-Request-Method": "POST" },
      });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers["access-control-allow-origin"], "https://a.example");
      assert.equal(preflight.headers["access-control-allow-methods"], "POST,GET");
      assert.equal(preflight.headers["access-control-allow-headers"], "content-type,x-mine");
      assert.equal(preflight.headers["access-control-max-age"], "60");
      assert.equal(preflight.headers["access-control-allow-credentials"], "true");
      const stranger = await platform.send("OPTIONS", `${apiId}/form`, {
        headers: { Origin: "https://b.example", "Access-Control-Request-Method": "POST" },
      });
      assert.equal(stranger.status, 204);
      assert.equal(stranger.headers["access-control-allow-origin"], undefined);
      const reply = await platform.send("POST", `${apiId}/form`, { headers: { Origin: "https://a.example" } });
      assert.equal(reply.headers["access-control-allow-origin"], "https://a.example");
      assert.equal(reply.headers["access-control-expose-headers"], "date");
      const plain = await platform.send("POST", `${apiId}/form`);
      assert.equal(plain.headers["access-control-allow-origin"], undefined);
    },
    {
      CorsConfiguration: {
        AllowOrigins: ["https://a.example"],
        AllowMethods: ["POST", "GET"],
        AllowHeaders: ["Content-Type", "X-Mine"],
        ExposeHeaders: ["Date"],
        MaxAge: 60,
        AllowCredentials: true,
      },
    },
  ));

test("SQS-SendMessage sends a form to SQS as the integration's role and passes the answer on", () =>
  withApi(
    { aws: () => ({ headers: { "content-type": "text/xml", date: "x" }, body: "<SendMessageResponse/>" }) },
    async (platform) => {
      await platform.route("POST /contact", {
        IntegrationUri: undefined,
        IntegrationSubtype: "SQS-SendMessage",
        PayloadFormatVersion: "1.0",
        CredentialsArn: ROLE,
        RequestParameters: {
          QueueUrl: "http://localhost:4566/000000000000/forms",
          MessageBody: "$request.body",
          MessageGroupId: "$request.body.email",
          MessageAttributes:
            '{"ip":{"DataType":"String","StringValue":"${context.identity.sourceIp}"},"h":{"DataType":"String","StringValue":"${request.header.X-H}"}}',
        },
      });
      const reply = await platform.send("POST", `${platform.apiId}/contact`, {
        headers: { "x-h": "seen", "content-type": "application/json" },
        body: '{"email":"a@b.c","text":"ü & co"}',
      });
      assert.deepEqual(
        [reply.status, reply.text, reply.headers["content-type"]],
        [200, "<SendMessageResponse/>", "text/xml"],
      );
      const { request, as } = platform.dispatched[0]!;
      assert.equal(request.service, "sqs");
      assert.deepEqual(Object.fromEntries(new URLSearchParams(Buffer.from(request.body).toString())), {
        Action: "SendMessage",
        Version: "2012-11-05",
        QueueUrl: "http://localhost:4566/000000000000/forms",
        MessageBody: '{"email":"a@b.c","text":"ü & co"}',
        MessageGroupId: "a@b.c",
        "MessageAttribute.1.Name": "ip",
        "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "127.0.0.1",
        "MessageAttribute.2.Name": "h",
        "MessageAttribute.2.Value.DataType": "String",
        "MessageAttribute.2.Value.StringValue": "seen",
      });
      assert.equal(as.principal.type === "assumed-role" && as.principal.roleArn, ROLE);
    },
  ));

test("a role that does not trust API Gateway makes the call fail", () =>
  withApi({}, async (platform) => {
    await platform.route("POST /contact", {
      IntegrationUri: undefined,
      IntegrationSubtype: "SQS-PurgeQueue",
      PayloadFormatVersion: "1.0",
      CredentialsArn: "arn:aws:iam::000000000000:role/untrusting",
      RequestParameters: { QueueUrl: "u" },
    });
    assert.equal((await platform.send("POST", `${platform.apiId}/contact`)).status, 500);
    assert.equal(platform.dispatched.length, 0);
  }));

test("HTTP proxies get path, query and mapped headers; response parameters change the answer", () =>
  withApi(
    {
      http: () => ({
        status: 404,
        headers: [
          ["Content-Type", "application/json"],
          ["Connection", "close"],
          ["X-Old", "1"],
        ],
        body: Buffer.from('{"reason":"gone"}'),
      }),
    },
    async (platform) => {
      await platform.route("ANY /p/{proxy+}", {
        IntegrationType: "HTTP_PROXY",
        IntegrationMethod: "ANY",
        IntegrationUri: "http://backend.test:81/base/{proxy}",
        PayloadFormatVersion: "1.0",
        RequestParameters: {
          "append:header.x-request": "$context.requestId",
          "overwrite:querystring.a": "${request.querystring.a}-changed",
          "remove:querystring.b": "''",
        },
        ResponseParameters: {
          "404": {
            "overwrite:statuscode": "403",
            "append:header.reason": "$response.body.reason",
            "remove:header.x-old": "''",
          },
        },
      });
      const reply = await platform.send("DELETE", `${platform.apiId}/p/x/y%20z?a=1&b=2`, {
        headers: { "x-keep": "k" },
      });
      assert.equal(reply.status, 403);
      assert.equal(reply.headers["reason"], "gone");
      assert.equal(reply.headers["x-old"], undefined);
      assert.equal(reply.headers["connection"], undefined);
      const sent = platform.sent[0]!;
      assert.equal(sent.method, "DELETE");
      assert.equal(sent.url.href, "http://backend.test:81/base/x/y%20z?a=1-changed");
      const headers = Object.fromEntries(sent.headers);
      assert.equal(headers["host"], "backend.test:81");
      assert.equal(headers["x-keep"], "k");
      assert.match(headers["x-request"]!, /=$/);
      assert.equal(headers["via"], "HTTP/1.1 AmazonAPIGateway");
    },
  ));

test("an unreachable HTTP backend is a 503", () =>
  withApi({}, async (platform) => {
    await platform.route("$default", {
      IntegrationType: "HTTP_PROXY",
      IntegrationMethod: "GET",
      IntegrationUri: "http://gone.test",
      PayloadFormatVersion: "1.0",
    });
    assert.equal((await platform.send("GET", `${platform.apiId}/a`)).status, 503);
    assert.equal(platform.sent[0]!.url.href, "http://gone.test/a");
  }));

test("throttling lets a burst pass and refills with time", () =>
  withApi({ lambda: () => "ok" }, async (platform) => {
    const { apiId } = platform;
    await platform.route("GET /t");
    await platform.call("apigatewayv2", "UpdateStage", {
      ApiId: apiId,
      StageName: "$default",
      RouteSettings: { "GET /t": { ThrottlingBurstLimit: 2, ThrottlingRateLimit: 1 } },
    });
    const statuses = async (count: number) => {
      const seen: number[] = [];
      for (let i = 0; i < count; i++) seen.push((await platform.send("GET", `${apiId}/t`)).status);
      return seen;
    };
    assert.deepEqual(await statuses(3), [200, 200, 429]);
    await platform.advance(1000);
    assert.deepEqual(await statuses(2), [200, 429]);
  }));

test("a payload over 10 MB is refused", () =>
  withApi({ lambda: () => "ok" }, async (platform) => {
    await platform.route("POST /big");
    const reply = await platform.send("POST", `${platform.apiId}/big`, { body: Buffer.alloc(10 * 1024 * 1024 + 1) });
    assert.deepEqual([reply.status, reply.text], [413, '{"message":"Request Entity Too Large"}']);
  }));

test("names that every object inherits are names like any other", () =>
  withApi(
    { lambda: ({ event }) => ({ statusCode: 200, headers: { constructor: "c" }, body: JSON.stringify(event) }) },
    async (platform) => {
      await platform.route("GET /{constructor}", {
        IntegrationUri: FUNCTION,
        RequestParameters: {
          "append:header.x-missing": "$stageVariables.toString",
          "append:header.x-none": "$request.header.valueOf",
        },
      });
      const reply = await platform.send("GET", `${platform.apiId}/a?constructor=q&__proto__=p`, {
        headers: { constructor: "h", __proto__: "ignored by literals" },
      });
      assert.deepEqual([reply.status, reply.headers["constructor"]], [200, "c"]);
      const { event } = platform.invoked[0]!;
      assert.equal(event.headers.constructor, "h");
      assert.equal(Object.hasOwn(event.headers, "x-missing"), false);
      assert.equal(Object.hasOwn(event.headers, "x-none"), false);
      assert.equal(event.queryStringParameters.constructor, "q");
      assert.equal(event.pathParameters.constructor, "a");
    },
  ));
