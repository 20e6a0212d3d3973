/** How requests travel: rules, targets, health, stickiness, functions, waiting, errors. Targets are real servers on the loopback interface. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { withLoadBalancer } from "../testing.ts";
import { targetsComingTopic } from "./requests.ts";

const fixed = (text: string) =>
  ({ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200", MessageBody: text } }) as const;

test("rules are tried in order, each by all of its conditions", () =>
  withLoadBalancer(async ({ platform, listener, ask }) => {
    const ListenerArn = await listener(fixed("default"));
    const rules: [string, any[]][] = [
      ["path", [{ Field: "path-pattern", Values: ["/img/*", "/one?"] }]],
      ["host", [{ Field: "host-header", Values: ["*.Example.com"] }]],
      [
        "both",
        [
          { Field: "http-request-method", HttpRequestMethodConfig: { Values: ["POST"] } },
          { Field: "query-string", QueryStringConfig: { Values: [{ Key: "v", Value: "2*" }, { Value: "any" }] } },
        ],
      ],
      ["header", [{ Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "X-Kind", Values: ["a*c"] } }]],
      ["source", [{ Field: "source-ip", SourceIpConfig: { Values: ["198.51.100.0/24", "2001:db8::/32"] } }]],
    ];
    for (const [index, [name, Conditions]] of rules.entries())
      await platform.call("elbv2", "CreateRule", {
        ListenerArn,
        Priority: index + 1,
        Conditions,
        Actions: [fixed(name)],
      });
    const cases: [string, Parameters<typeof ask>[1], string][] = [
      ["/img/a/b.png", {}, "path"],
      ["/ones", {}, "path"],
      ["/one", {}, "default"],
      ["/IMG/a", {}, "default"],
      ["/", { headers: { host: "WWW.example.com" } }, "host"],
      ["/?v=21", { method: "POST" }, "both"],
      ["/?x=any", { method: "POST" }, "both"],
      ["/?v=21", {}, "default"],
      ["/", { headers: { "x-kind": "ABBC" } }, "header"],
      ["/", { sourceIp: "198.51.100.9" }, "source"],
      ["/", { sourceIp: "2001:db8::9" }, "source"],
    ];
    for (const [path, options, expected] of cases)
      assert.equal((await ask(path, options)).text, expected, `${path} ${JSON.stringify(options)}`);
  }));

test("a redirect fills in what it keeps", () =>
  withLoadBalancer(async ({ listener, ask }) => {
    const Path = "/new/#{path}";
    await listener({
      Type: "redirect",
      RedirectConfig: { Protocol: "HTTPS", Port: "443", Path, StatusCode: "HTTP_301" },
    });
    const { status, headers } = await ask("/a/b?c=d", { headers: { host: "shop.example" } });
    assert.deepEqual([status, headers["location"]], [301, "https://shop.example:443/new/a/b?c=d"]);
  }));

test("a request reaches its target with who the client is, and the answer comes back as it is", () =>
  withLoadBalancer(async ({ platform, group, listener, target, until, ask }) => {
    const TargetGroupArn = await group();
    await listener({ Type: "forward", TargetGroupArn }, 8080);
    const seen: { url?: string; headers: IncomingMessage["headers"]; body: string }[] = [];
    const { Id, Port } = await target(async (message, response) => {
      let body = "";
      for await (const chunk of message) body += chunk;
      seen.push({ url: message.url!, headers: message.headers, body });
      response.writeHead(
        201,
        [
          ["X-One", "1"],
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
        ].flat(),
      );
      response.end("made");
    });
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets: [{ Id, Port }] });
    // The check expects 200: a group that wants 201 finds it healthy.
    await platform.call("elbv2", "ModifyTargetGroup", { TargetGroupArn, Matcher: { HttpCode: "200-201" } });
    await until(TargetGroupArn, "healthy");
    const checks = seen.length;
    const { status, headers, text } = await ask("/a%20b?c=%64", {
      method: "POST",
      body: "hello",
      headers: {
        "x-forwarded-for": "192.0.2.1",
        connection: "x-secret",
        "x-secret": "1",
        "x-amzn-trace-id": "Root=1-5e1b4151-5ac6c58f1c2a6b0d0e0f1a2b",
      },
    });
    assert.deepEqual([status, text, headers["x-one"], headers["set-cookie"]], [201, "made", "1", ["a=1", "b=2"]]);
    const { url, headers: got, body } = seen[checks]!;
    assert.deepEqual([url, body], ["/a%20b?c=%64", "hello"]);
    assert.equal(got["x-forwarded-for"], "192.0.2.1, 203.0.113.7");
    assert.equal(got["x-forwarded-proto"], "http");
    assert.equal(got["x-forwarded-port"], "8080");
    assert.match(
      got["x-amzn-trace-id"] as string,
      /^Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-5e1b4151-5ac6c58f1c2a6b0d0e0f1a2b$/,
    );
    assert.equal(got["x-secret"], undefined);
    assert.equal(seen[0]!.headers["user-agent"], "ELB-HealthChecker/2.0");

    const measured = platform.measurements.take().filter(({ namespace }) => namespace === "AWS/ApplicationELB");
    const sumOf = (name: string, dimensions: number) =>
      measured.find((one) => one.name === name && Object.keys(one.dimensions).length === dimensions)?.sum;
    assert.equal(sumOf("RequestCount", 1), 1);
    assert.equal(sumOf("RequestCountPerTarget", 1), 1);
    assert.equal(sumOf("HTTPCode_Target_2XX_Count", 2), 1);
    assert.ok(sumOf("TargetResponseTime", 2)! >= 0);
    assert.ok(sumOf("HealthyHostCount", 2)! >= 1);
  }));

test("targets take turns, one that fails its checks gets none, and when all fail all get some", () =>
  withLoadBalancer(async ({ platform, group, listener, target, until, ask, health }) => {
    const TargetGroupArn = await group({
      HealthCheckIntervalSeconds: 10,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
    });
    await listener({ Type: "forward", TargetGroupArn });
    const broken = new Set<string>();
    const Targets = [];
    for (const name of ["a", "b"]) {
      const { Id, Port } = await target((message, response) => {
        const check = message.headers["user-agent"]?.startsWith("ELB") && broken.has(name);
        response.writeHead(check ? 500 : 200).end(name);
      });
      Targets.push({ Id, Port });
    }
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets });
    await until(TargetGroupArn, "healthy");
    for (let turn = 0; (await health(TargetGroupArn)).join() !== "healthy,healthy"; turn++) {
      assert.ok(turn < 100_000);
      await new Promise(setImmediate);
    }
    const four = async () =>
      (await Promise.all([ask(), ask(), ask(), ask()]))
        .map(({ text }) => text)
        .sort()
        .join("");
    assert.equal(await four(), "aabb");
    broken.add("b");
    await platform.advance(10_000);
    await settle();
    await platform.advance(10_000);
    await until(TargetGroupArn, "unhealthy");
    assert.equal(await four(), "aaaa");
    broken.add("a");
    for (let rounds = 0; (await health(TargetGroupArn)).join() !== "unhealthy,unhealthy"; rounds++) {
      assert.ok(rounds < 50);
      await platform.advance(10_000);
      await settle();
    }
    assert.equal(await four(), "aabb");
    const { TargetHealthDescriptions } = await platform.call("elbv2", "DescribeTargetHealth", { TargetGroupArn });
    assert.deepEqual(TargetHealthDescriptions![0]!.TargetHealth, {
      State: "unhealthy",
      Reason: "Target.ResponseCodeMismatch",
      Description: "Health checks failed with these codes: [500]",
    });
  }));

test("weights and cookies: a client stays with its group and its target", () =>
  withLoadBalancer(async ({ platform, group, listener, target, until, ask }) => {
    const groups: string[] = [];
    for (const name of ["blue", "green"]) {
      const TargetGroupArn = await group();
      groups.push(TargetGroupArn);
      const Targets = [];
      for (const number of [1, 2]) {
        const { Id, Port } = await target((_message, response) => response.end(`${name}${number}`));
        Targets.push({ Id, Port });
      }
      await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets });
      await platform.call("elbv2", "ModifyTargetGroupAttributes", {
        TargetGroupArn,
        Attributes: [{ Key: "stickiness.enabled", Value: "true" }],
      });
    }
    const [blue, green] = groups;
    await listener({
      Type: "forward",
      ForwardConfig: {
        TargetGroups: [
          { TargetGroupArn: blue, Weight: 3 },
          { TargetGroupArn: green, Weight: 1 },
        ],
        TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
      },
    });
    for (const arn of groups) await until(arn, "healthy");
    await settle();
    const names = [];
    for (let i = 0; i < 200; i++) names.push((await ask()).text.slice(0, -1));
    const blues = names.filter((name) => name === "blue").length;
    assert.ok(blues > 120 && blues < 180, `${blues} of 200`);
    for (let i = 0; i < 5; i++) {
      const first = await ask();
      const cookies = first.headers["set-cookie"] as string[];
      assert.deepEqual(
        cookies.map((cookie) => cookie.split("=")[0]),
        ["AWSALBTG", "AWSALBTGCORS", "AWSALB", "AWSALBCORS"],
      );
      const cookie = cookies.map((one) => one.split(";")[0]).join("; ");
      for (let j = 0; j < 4; j++) assert.equal((await ask("/", { headers: { cookie } })).text, first.text);
    }
  }));

test("a function as target: the event that AWS sends, the answer it may give", () =>
  withLoadBalancer(async ({ platform, lambda, group, listener, ask }) => {
    const { FunctionArn } = await platform.call("lambda", "CreateFunction", {
      FunctionName: "web",
      Role: "arn:aws:iam::000000000000:role/lambda",
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    const TargetGroupArn = await group({ TargetType: "lambda" });
    await listener({ Type: "forward", TargetGroupArn });
    assert.equal((await ask()).status, 503, "no target at all");
    await platform.call("lambda", "AddPermission", {
      FunctionName: "web",
      StatementId: "elb",
      Action: "lambda:InvokeFunction",
      Principal: "elasticloadbalancing.amazonaws.com",
      SourceArn: TargetGroupArn,
    });
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets: [{ Id: FunctionArn }] });
    lambda.handlers.set("web", (event) => ({ statusCode: 202, headers: { "x-a": "1" }, body: JSON.stringify(event) }));
    const { status, headers, text } = await ask("/a%20b?c=%64&c=e", {
      method: "POST",
      body: "hi",
      headers: { "content-type": "text/plain" },
    });
    assert.deepEqual([status, headers["x-a"]], [202, "1"]);
    const event = JSON.parse(text);
    assert.deepEqual(
      { ...event, headers: event.headers["x-forwarded-for"] },
      {
        requestContext: { elb: { targetGroupArn: TargetGroupArn } },
        httpMethod: "POST",
        path: "/a%20b",
        queryStringParameters: { c: "e" },
        headers: "203.0.113.7",
        body: "hi",
        isBase64Encoded: false,
      },
    );
    const binary = JSON.parse(
      (await ask("/", { method: "POST", body: "hi", headers: { "content-type": "image/png" } })).text,
    );
    assert.deepEqual([binary.body, binary.isBase64Encoded], ["aGk=", true]);
    await platform.call("elbv2", "ModifyTargetGroupAttributes", {
      TargetGroupArn,
      Attributes: [{ Key: "lambda.multi_value_headers.enabled", Value: "true" }],
    });
    lambda.handlers.set("web", (event) => ({
      statusCode: 200,
      multiValueHeaders: { "set-cookie": ["a", "b"] },
      body: JSON.stringify(event.multiValueQueryStringParameters),
    }));
    const multi = await ask("/?c=d&c=e");
    assert.deepEqual([multi.headers["set-cookie"], multi.text], [["a", "b"], '{"c":["d","e"]}']);
    lambda.handlers.set("web", () => "no answer");
    assert.equal((await ask()).status, 502);
    lambda.handlers.set("web", () => {
      throw new Error("broken");
    });
    assert.equal((await ask()).status, 502);
  }));

test("errors as AWS's own pages: no target, a target that refuses, one that is silent", () =>
  withLoadBalancer(async ({ platform, loadBalancer, group, listener, target, until, ask }) => {
    const TargetGroupArn = await group();
    await listener({ Type: "forward", TargetGroupArn });
    const nobody = ask();
    await settle();
    await platform.advance(500);
    const { status, headers, text } = await nobody;
    assert.deepEqual([status, headers["server"]], [503, "awselb/2.0"]);
    assert.equal(
      text,
      "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n",
    );
    let silent = false;
    const { Id, Port, server } = await target((message: IncomingMessage, response: ServerResponse) => {
      if (message.url === "/cut") message.socket.destroy();
      else if (!silent) response.end("ok");
    });
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets: [{ Id, Port }] });
    await until(TargetGroupArn, "healthy");
    assert.equal((await ask("/cut")).status, 502);
    await platform.call("elbv2", "ModifyLoadBalancerAttributes", {
      LoadBalancerArn: loadBalancer,
      Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "1" }],
    });
    silent = true;
    assert.equal((await ask()).status, 504);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    assert.equal((await ask()).status, 502);
  }));

test("a request waits for a group without targets, when somebody says that they are coming", () =>
  withLoadBalancer(async ({ platform, group, listener, target, ask }) => {
    const TargetGroupArn = await group();
    await listener({ Type: "forward", TargetGroupArn });
    const waiting = ask();
    await settle();
    const flow = platform.flow();
    await flow.write((_tx, context) => context.wake(targetsComingTopic(TargetGroupArn)));
    await settle();
    await platform.advance(5000);
    const { Id, Port } = await target((_message, response) => response.end("awake"));
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets: [{ Id, Port }] });
    assert.equal((await waiting).text, "awake");
    await platform.call("elbv2", "DeregisterTargets", { TargetGroupArn, Targets: [{ Id, Port }] });
    const inVain = ask();
    await settle();
    await flow.write((_tx, context) => context.wake(targetsComingTopic(TargetGroupArn)));
    await settle();
    await platform.advance(60_000);
    assert.equal((await inVain).status, 503);
  }));

test("a listener's port: two load balancers share it by name, WebSockets pass through", () =>
  withLoadBalancer(async ({ platform, ports, group, listener, target, until, dnsName }) => {
    const TargetGroupArn = await group();
    const made = await listener({ Type: "forward", TargetGroupArn }, 8080);
    const other = await platform.call("elbv2", "CreateLoadBalancer", {
      Name: "other",
      Subnets: ["subnet-a", "subnet-b"],
    });
    const { LoadBalancerArn, DNSName } = other.LoadBalancers![0]!;
    await platform.advance(1);
    await platform.call("elbv2", "CreateListener", {
      LoadBalancerArn,
      Protocol: "HTTP",
      Port: 8080,
      DefaultActions: [fixed("the other")],
    });
    const { Id, Port, server } = await target((_message, response) => response.end("the first"));
    server.on("upgrade", (message, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Port: ${message.headers["x-forwarded-port"]}\r\n\r\n`,
      );
      socket.pipe(socket);
    });
    await platform.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets: [{ Id, Port }] });
    await until(TargetGroupArn, "healthy");
    await settle();
    const [, onRequest, onUpgrade] = ports.get(8080)!;
    const front = createServer(onRequest);
    front.on("upgrade", onUpgrade);
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const { port } = front.address() as AddressInfo;
    try {
      const get = (host: string) =>
        new Promise<string>((resolve, reject) => {
          request({ port, host: "127.0.0.1", headers: { host } }, async (answer) => {
            let text = "";
            for await (const chunk of answer) text += chunk;
            resolve(text);
          })
            .once("error", reject)
            .end();
        });
      assert.equal(await get(`${DNSName}:8080`), "the other");
      assert.equal(await get(dnsName), "the first");
      assert.equal(await get("shop.example"), "the first");
      const echoed = await new Promise<string>((resolve, reject) => {
        const asking = request({ port, host: "127.0.0.1", headers: { connection: "Upgrade", upgrade: "echo" } });
        asking.once("upgrade", (answer, socket) => {
          socket.once("data", (data) => {
            resolve(`${answer.headers["x-port"]} ${data}`);
            socket.destroy();
          });
          socket.write("hello");
        });
        asking.once("error", reject);
        asking.end();
      });
      assert.equal(echoed, "8080 hello");
    } finally {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
    }
    await platform.call("elbv2", "DeleteListener", { ListenerArn: made });
    await platform.call("elbv2", "DeleteLoadBalancer", { LoadBalancerArn });
    for (let turn = 0; ports.size > 0; turn++) {
      assert.ok(turn < 100_000, "the port stays open");
      await new Promise(setImmediate);
    }
  }));

/** Lets what was begun on sockets come to rest, without the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
}
