import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { HttpRequest, HttpResponse, InputOf, Principal, Service } from "../service.ts";
import { createLambda } from "./service.ts";
import { FakeConcurrencyExceeded, type FakePorts, fakePorts, fakeSts } from "./testing.ts";

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly principal?: Principal;
}

interface Scene {
  readonly platform: TestPlatform;
  readonly ports: FakePorts;
  /** A request to the function's URL. */
  send(sent?: Sent): Promise<HttpResponse & { json(): any }>;
  create(input?: Partial<InputOf<"lambda", "CreateFunctionUrlConfig">>): Promise<string>;
}

const STRANGER: Principal = { type: "anonymous" };

async function withUrl(run: (scene: Scene) => Promise<void>): Promise<void> {
  const ports = fakePorts();
  const lambda = createLambda(ports);
  const platform = await openTestPlatform({ services: [lambda, fakeSts] as unknown as Service[] });
  const front = lambda.fronts!.find(({ name }) => name === "lambda-url")!;
  let host = "";
  try {
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "web",
      Role: "arn:aws:iam::000000000000:role/lambda",
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    await run({
      platform,
      ports,
      async create(input = {}) {
        const { FunctionUrl } = await platform.call("lambda", "CreateFunctionUrlConfig", {
          FunctionName: "web",
          AuthType: "NONE",
          ...input,
        });
        host = new URL(FunctionUrl!).hostname;
        return FunctionUrl!;
      },
      async send({ method = "GET", path = "/", query = "", headers = {}, body = "", principal = STRANGER } = {}) {
        const all = { host: `${host}:4566`, ...headers };
        const request: HttpRequest = {
          method,
          path,
          query,
          headers: all,
          rawHeaders: Object.entries(all),
          host,
          sourceIp: "127.0.0.1",
          protocol: "HTTP/1.1",
          body: Readable.from([body]),
          signerOfForm() {
            throw new Error("this is no form");
          },
          readBody: async (bytesMax, tooLarge) => {
            const bytes = Buffer.from(body);
            if (bytes.length > bytesMax) throw tooLarge!();
            return bytes;
          },
        };
        const groups = front.host!.exec(host)!.groups!;
        const response = await front.handle(platform.flow({ principal }), request, { ...groups });
        return { ...response, json: () => JSON.parse(String(response.body)) };
      },
    });
  } finally {
    await platform.close();
  }
}

const makePublic = (platform: TestPlatform) =>
  platform.call("lambda", "AddPermission", {
    FunctionName: "web",
    StatementId: "public",
    Action: "lambda:InvokeFunctionUrl",
    Principal: "*",
    FunctionUrlAuthType: "NONE",
  });

test("a URL is made, changed, listed and taken away", () =>
  withUrl(async ({ platform, create }) => {
    const FunctionUrl = await create();
    assert.match(FunctionUrl, /^http:\/\/[a-z0-9]{32}\.lambda-url\.us-east-1\.localhost:4566\/$/);
    await assert.rejects(create(), {
      code: "ResourceConflictException",
      message:
        "Failed to create function url config for [functionArn = arn:aws:lambda:us-east-1:000000000000:function:web]. Error message:  FunctionUrlConfig exists for this Lambda function",
    });
    const updated = await platform.call("lambda", "UpdateFunctionUrlConfig", {
      FunctionName: "web",
      Cors: { AllowOrigins: ["*"] },
    });
    assert.deepEqual(
      [updated.FunctionUrl, updated.AuthType, updated.Cors],
      [FunctionUrl, "NONE", { AllowOrigins: ["*"] }],
    );
    const { FunctionUrlConfigs } = await platform.call("lambda", "ListFunctionUrlConfigs", { FunctionName: "web" });
    assert.deepEqual(
      FunctionUrlConfigs!.map((one) => one.FunctionUrl),
      [FunctionUrl],
    );
    for (const InvokeMode of ["RESPONSE_STREAM", undefined, "BUFFERED"] as const) {
      const changed = await platform.call("lambda", "UpdateFunctionUrlConfig", { FunctionName: "web", InvokeMode });
      assert.equal(changed.InvokeMode, InvokeMode ?? "RESPONSE_STREAM");
    }
    await platform.call("lambda", "DeleteFunctionUrlConfig", { FunctionName: "web" });
    await assert.rejects(platform.call("lambda", "GetFunctionUrlConfig", { FunctionName: "web" }), { status: 404 });
    await assert.rejects(create({ Qualifier: "1" }), { code: "ValidationException" });
    await assert.rejects(create({ Qualifier: "live" }), { message: "Function does not exist" });
  }));

test("a request becomes an event of format 2.0, and an answer a response", () =>
  withUrl(async ({ platform, ports, create, send }) => {
    await create();
    await makePublic(platform);
    ports.handlers.set("web", () => ({
      statusCode: 201,
      headers: { "X-Made": "yes", "content-type": "text/plain" },
      cookies: ["a=1", "b=2"],
      body: Buffer.from("hello").toString("base64"),
      isBase64Encoded: true,
    }));
    const response = await send({
      method: "POST",
      path: "/a%20b",
      query: "x=1&x=2&y=%26",
      headers: { "content-type": "application/json", cookie: "c=3; d=4", "user-agent": "test" },
      body: '{"n":1}',
    });
    assert.equal(response.status, 201);
    assert.deepEqual(response.headers, { "x-made": "yes", "content-type": "text/plain", "set-cookie": ["a=1", "b=2"] });
    assert.equal(String(response.body), "hello");
    const event = ports.runs[0]!.event as any;
    assert.equal(event.version, "2.0");
    assert.equal(event.rawPath, "/a b");
    assert.equal(event.rawQueryString, "x=1&x=2&y=%26");
    assert.deepEqual(event.queryStringParameters, { x: "1,2", y: "&" });
    assert.deepEqual(event.cookies, ["c=3", "d=4"]);
    assert.equal(event.body, '{"n":1}');
    assert.equal(event.isBase64Encoded, false);
    assert.equal(event.headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(event.requestContext.accountId, "anonymous");
    assert.equal(event.requestContext.http.method, "POST");
    assert.equal(event.requestContext.http.userAgent, "test");
    assert.equal(event.requestContext.domainPrefix, event.requestContext.apiId);

    ports.handlers.set("web", () => ({ plain: true }));
    const inferred = await send({
      method: "PUT",
      headers: { "content-type": "image/png" },
      body: Buffer.from([1, 2, 3]),
    });
    assert.deepEqual(
      [inferred.status, inferred.headers["content-type"], inferred.json()],
      [200, "application/json", { plain: true }],
    );
    assert.deepEqual(
      [(ports.runs[1]!.event as any).body, (ports.runs[1]!.event as any).isBase64Encoded],
      ["AQID", true],
    );
  }));

test("failures have a status of their own", () =>
  withUrl(async ({ platform, ports, create, send }) => {
    await create();
    await makePublic(platform);
    ports.handlers.set("web", () => {
      throw new Error("secret detail");
    });
    const failed = await send();
    assert.deepEqual([failed.status, failed.json()], [502, { Message: "Internal Server Error" }]);
    ports.handlers.set("web", () => {
      throw new FakeConcurrencyExceeded();
    });
    assert.equal((await send()).status, 429);
    assert.equal((await send({ method: "POST", body: Buffer.alloc(6 * 1024 * 1024 + 1) })).status, 413);
    ports.handlers.set("web", () => ({ statusCode: "many" }));
    assert.equal((await send()).status, 502);
  }));

test("a public URL needs the permission that says so, and an IAM one a signed caller", () =>
  withUrl(async ({ platform, ports, create, send }) => {
    await create();
    assert.equal((await send()).status, 403);
    await makePublic(platform);
    assert.equal((await send()).status, 200);
    await platform.call("lambda", "UpdateFunctionUrlConfig", { FunctionName: "web", AuthType: "AWS_IAM" });
    assert.equal((await send()).status, 403);
    const root: Principal = { type: "root", accountId: "000000000000" as never, arn: "arn:aws:iam::000000000000:root" };
    assert.equal((await send({ principal: root })).status, 200);
    assert.equal((ports.runs.at(-1)!.event as any).requestContext.authorizer.iam.userArn, root.arn);
    await platform.call("lambda", "DeleteFunction", { FunctionName: "web" });
    assert.equal((await send({ principal: root })).status, 404);
  }));

test("CORS is answered by the URL itself", () =>
  withUrl(async ({ platform, ports, create, send }) => {
    await create({
      Cors: { AllowOrigins: ["https://a.example"], AllowMethods: ["POST"], AllowHeaders: ["x-one"], MaxAge: 60 },
    });
    await makePublic(platform);
    const preflight = await send({
      method: "OPTIONS",
      headers: { origin: "https://a.example", "access-control-request-method": "POST" },
    });
    assert.equal(preflight.status, 200);
    assert.deepEqual(preflight.headers, {
      "access-control-allow-origin": "https://a.example",
      vary: "Origin",
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "x-one",
      "access-control-max-age": "60",
    });
    assert.equal(ports.runs.length, 0);
    const simple = await send({ headers: { origin: "https://a.example" } });
    assert.equal(simple.headers["access-control-allow-origin"], "https://a.example");
    const other = await send({ headers: { origin: "https://b.example" } });
    assert.equal(other.headers["access-control-allow-origin"], undefined);
  }));

test("a streaming URL: status and headers before the body, a body alone, a whole answer, errors before and within", () =>
  withUrl(async ({ platform, ports, create, send }) => {
    await create({ InvokeMode: "RESPONSE_STREAM", Cors: { AllowOrigins: ["*"] } });
    await makePublic(platform);
    const read = async (response: HttpResponse) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response.body as Readable) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    const http = "application/vnd.awslambda.http-integration-response";
    ports.handlers.set("web", async (_event, _spec, { sink }) => {
      const prelude = JSON.stringify({ statusCode: 418, headers: { "X-Made": 1 }, cookies: ["a=1"] });
      await sink!.write(Buffer.from(prelude.slice(0, 5)), http);
      await sink!.write(Buffer.from(`${prelude.slice(5)}\0\0\0\0`), http);
      await sink!.write(Buffer.from("\0\0\0\0hello "), http);
      await sink!.write(Buffer.from("you"), http);
    });
    const made = await send({ headers: { origin: "https://a.example" } });
    assert.equal(made.status, 418);
    assert.deepEqual(made.headers, {
      "x-made": "1",
      "set-cookie": "a=1",
      "content-type": "application/json",
      "access-control-allow-origin": "*",
    });
    assert.equal(await read(made), "hello you");

    ports.handlers.set("web", async (_event, _spec, { sink }) => void (await sink!.write(Buffer.from("x"), undefined)));
    const bare = await send();
    assert.deepEqual([bare.status, bare.headers["content-type"]], [200, "application/octet-stream"]);
    assert.equal(await read(bare), "x");

    ports.handlers.set("web", () => ({ statusCode: 201 }));
    const whole = await send();
    assert.deepEqual([whole.status, await read(whole)], [200, '{"statusCode":201}']);

    ports.handlers.set("web", () => {
      throw new Error("at once");
    });
    assert.equal((await send()).status, 502);
    ports.handlers.set("web", async (_event, _spec, { sink }) => {
      await sink!.write(Buffer.from("begun"), "text/plain");
      throw new Error("later");
    });
    await assert.rejects(read(await send()), /failed while it streamed/);
    ports.handlers.set(
      "web",
      async (_event, _spec, { sink }) => void (await sink!.write(Buffer.from("no prelude"), http)),
    );
    assert.equal((await send()).status, 502);
  }));

test("InvokeWithResponseStream: pieces, then how it ended", () =>
  withUrl(async ({ platform, ports }) => {
    const invoke = async (input = {}) => {
      const { EventStream, ...rest } = await platform.call("lambda", "InvokeWithResponseStream", {
        FunctionName: "web",
        ...input,
      });
      const events: unknown[] = [];
      for await (const event of EventStream ?? [])
        events.push(event.PayloadChunk ? Buffer.from(event.PayloadChunk.Payload!).toString() : event.InvokeComplete);
      return { ...rest, events };
    };
    ports.handlers.set("web", async (_event, _spec, { sink }) => {
      await sink!.write(Buffer.from("a"), "text/plain");
      await sink!.write(Buffer.from("b"), "text/plain");
    });
    const head = { StatusCode: 200, ExecutedVersion: "$LATEST" };
    assert.deepEqual(await invoke(), { ...head, events: ["ab", {}] });
    assert.deepEqual(await invoke({ LogType: "Tail" }), { ...head, events: ["ab", { LogResult: "RU5E" }] });
    ports.handlers.set("web", () => ({ whole: 1 }));
    assert.deepEqual(await invoke(), { ...head, events: ['{"whole":1}', {}] });
    ports.handlers.set("web", async (_event, _spec, { sink }) => {
      await sink!.write(Buffer.from("a"), "text/plain");
      throw new TypeError("bad");
    });
    const ErrorDetails = '{"errorMessage":"bad","errorType":"TypeError"}';
    assert.deepEqual(await invoke(), { ...head, events: ["a", { ErrorCode: "TypeError", ErrorDetails }] });
    assert.deepEqual(await invoke({ InvocationType: "DryRun" }), { ...head, StatusCode: 204, events: [] });
    ports.handlers.set("web", () => {
      throw new FakeConcurrencyExceeded();
    });
    await assert.rejects(invoke(), { code: "TooManyRequestsException" });
    await assert.rejects(invoke({ Payload: Buffer.from("no json") }), { code: "InvalidRequestContentException" });
  }));
