import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { type ServedPlatform, servePlatform } from "./serving.ts";

let open: ServedPlatform;
let closed: ServedPlatform;
const rootKey = { accessKeyId: "AKIAROOTROOTROOTROOT", secretAccessKey: "secret" };

before(async () => {
  open = await servePlatform();
  closed = await servePlatform({ authRequired: true, rootKey });
});
after(async () => {
  await open.close();
  await closed.close();
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Without fetch, which would not send what a browser sends by itself. */
function send(platform: ServedPlatform, { method = "GET", path = "/", headers = {}, body = "" }: Sent) {
  return new Promise<{ status: number; headers: Record<string, any>; text: string }>((resolve, reject) => {
    const options = { host: "127.0.0.1", port: platform.port, method, path, headers };
    request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    })
      .on("error", reject)
      .end(body);
  });
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const CREATE = { method: "POST", body: "Action=CreateQueue&QueueName=planted&Version=2012-11-05" };
const STRANGER = `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=${"0".repeat(64)}`;
const own = () => `localhost:${open.port}`;

async function queues(platform: ServedPlatform): Promise<string[]> {
  const { text } = await send(platform, {
    method: "POST",
    headers: { ...FORM, host: `localhost:${platform.port}` },
    body: "Action=ListQueues&Version=2012-11-05",
  });
  return [...text.matchAll(/<QueueUrl>[^<]*\/(\w+)<\/QueueUrl>/g)].map(([, name]) => name!);
}

const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" };

test("a browser is sent to the console, an S3 client is not", async () => {
  const sent = await send(open, { headers: { ...BROWSER, host: own() } });
  assert.deepEqual([sent.status, sent.headers["location"]], [302, "/_virga/"]);
  const clients: Record<string, string>[] = [
    { host: own() },
    { host: own(), accept: "application/xml" },
    { ...BROWSER, host: own(), authorization: STRANGER.replace("/sqs/", "/s3/"), "x-amz-date": "20260101T000000Z" },
  ];
  for (const headers of clients) {
    const { text, headers: answered } = await send(open, { headers });
    assert.equal(answered["location"], undefined);
    assert.match(text, /ListAllMyBucketsResult|AccessDenied/);
  }
  const bucket = await send(open, { headers: { ...BROWSER, host: `pictures.s3.localhost:${open.port}` } });
  assert.match(bucket.text, /NoSuchBucket|AccessDenied/);
});

test("nothing outside its folder is served", async () => {
  for (const path of ["/_virga/../package.json", "/_virga/assets/..%2f..%2fpackage.json", "/_virga/nowhere"]) {
    const { status, text } = await send(open, { path, headers: { host: own() } });
    assert.doesNotMatch(text, /"virga"/);
    assert.ok(status >= 400, `${path}: ${status}`);
  }
});

test("pages of other sites change nothing where any credentials are let in", async () => {
  const host = own();
  const refused: Record<string, Sent> = {
    "a form of another site": { ...CREATE, headers: { ...FORM, host, origin: "https://evil.example.com" } },
    "a form in a sandboxed frame": { ...CREATE, headers: { ...FORM, host, origin: "null" } },
    "what somebody stored here": {
      ...CREATE,
      headers: { ...FORM, host, origin: `http://x.s3.localhost:${open.port}` },
    },
    "a forged signature": {
      ...CREATE,
      headers: {
        ...FORM,
        host,
        origin: "https://evil.example.com",
        authorization: STRANGER,
        "x-amz-date": "20260101T000000Z",
      },
    },
    "an image that is a call": {
      path: `/?${CREATE.body}`,
      headers: { host, "sec-fetch-site": "cross-site", "sec-fetch-dest": "image" },
    },
    "a link that is a call": {
      path: `/?${CREATE.body}`,
      headers: { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
    },
    "another name for this machine": {
      ...CREATE,
      headers: { ...FORM, host: `evil.example.com:${open.port}`, origin: `http://evil.example.com:${open.port}` },
    },
    "another name, and no mark of a browser": {
      path: `/?${CREATE.body}`,
      headers: { host: `rebound.attacker.io:${open.port}` },
    },
    "a bucket, with another site's page": {
      method: "PUT",
      path: "/planted",
      headers: {
        host,
        origin: "https://evil.example.com",
        authorization: STRANGER.replace("/sqs/", "/s3/"),
        "x-amz-date": "20260101T000000Z",
      },
    },
  };
  for (const [what, sent] of Object.entries(refused)) {
    const { status, text } = await send(open, sent);
    assert.equal(status, 403, `${what}: ${status} ${text}`);
    assert.match(text, /AccessDenied/, what);
  }
  assert.deepEqual(await queues(open), []);
});

test("programs, this machine's own pages and other local names are let in", async () => {
  for (const [at, headers] of Object.entries<Record<string, string>>({
    program: { host: own() },
    console: { host: own(), origin: `http://${own()}`, "sec-fetch-site": "same-origin" },
    server: { host: own(), origin: "http://localhost:5173", "sec-fetch-site": "same-site" },
    container: { host: `virga:${open.port}` },
    docker: { host: `host.docker.internal:${open.port}` },
    typed: { host: own(), "sec-fetch-site": "none" },
  })) {
    const body = `Action=CreateQueue&QueueName=${at}&Version=2012-11-05`;
    const { status, text } = await send(open, { method: "POST", headers: { ...FORM, ...headers }, body });
    assert.equal(status, 200, `${at}: ${text}`);
  }
  assert.deepEqual(await queues(open), ["console", "container", "docker", "program", "server", "typed"]);
});

test("where keys are demanded, nobody gets in without one, whatever the page", async () => {
  for (const origin of [`http://localhost:${closed.port}`, "https://evil.example.com"]) {
    const host = `localhost:${closed.port}`;
    assert.equal((await send(closed, { ...CREATE, headers: { ...FORM, host, origin } })).status, 403);
  }
});

test("costs beside a server that never sleeps are told to those who may see costs", async () => {
  const path = "/_virga/always-on";
  for (const platform of [open, closed]) {
    const { status, text } = await send(platform, { path, headers: { host: `localhost:${platform.port}` } });
    assert.equal(status, 403, text);
  }
  const signed = {
    host: own(),
    authorization: STRANGER.replace("/sqs/", "/virga/"),
    "x-amz-date": "20260101T000000Z",
  };
  const { status, text } = await send(open, { path, headers: signed });
  assert.equal(status, 200, text);
  const { prices, total, observedHours, server } = JSON.parse(text);
  assert.equal(prices.currency, "USD");
  assert.ok(total > 0 && observedHours >= 1, "queues were asked of in this file");
  assert.equal(server, undefined, "nothing ran that a server would have to run");
  for (const hours of ["0", "1.5", "336", "x"])
    assert.equal((await send(open, { path: `${path}?hours=${hours}`, headers: signed })).status, 400, hours);
});

test("documents that somebody stored run in an origin of their own, if at all", async () => {
  const host = own();
  const s3 = { host, authorization: STRANGER.replace("/sqs/", "/s3/"), "x-amz-date": "20260101T000000Z" };
  assert.equal((await send(open, { method: "PUT", path: "/uploads", headers: s3 })).status, 200);
  const types = { "page.html": "text/html", "icon.svg": "image/svg+xml", "notes.pdf": "application/pdf" };
  for (const [name, type] of Object.entries(types)) {
    const headers = { ...s3, "content-type": type };
    assert.equal((await send(open, { method: "PUT", path: `/uploads/${name}`, headers, body: "x" })).status, 200);
  }
  const policy = async (name: string, dest: string) =>
    (await send(open, { path: `/uploads/${name}`, headers: { ...s3, "sec-fetch-dest": dest } })).headers[
      "content-security-policy"
    ];
  assert.match(await policy("page.html", "document"), /^sandbox (?!.*allow-same-origin)/);
  assert.match(await policy("icon.svg", "iframe"), /^sandbox/);
  assert.equal(await policy("notes.pdf", "document"), undefined);
  assert.equal(await policy("page.html", "empty"), undefined);
});
