import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import { s3Error } from "../errors.ts";
import { s3 } from "../service.ts";
import { websiteFronts } from "./front.ts";

const Bucket = "www.example.com";
const KEYS = ["index.html", "about.html", "docs/index.html", "error.html", "secret/index.html", "ü/a b.html"];
let platform: TestPlatform;

before(async () => {
  platform = await openTestPlatform({
    services: [s3],
    // The public may read everything but what lies under `secret/`.
    authorize(_tx, _service, _operation, permissions, { principal }) {
      if (principal.type !== "anonymous") return;
      if (permissions().some((one) => one.action !== "s3:GetObject" || one.resource.includes("/secret/"))) {
        throw s3Error("AccessDenied");
      }
    },
  });
  await platform.call("s3", "CreateBucket", { Bucket });
  for (const Key of KEYS) {
    await platform.call("s3", "PutObject", {
      Bucket,
      Key,
      Body: `<p>${Key}`,
      ContentType: "text/html",
      Metadata: { m: "1" },
    });
  }
  await platform.call("s3", "PutObject", { Bucket, Key: "moved", Body: "", WebsiteRedirectLocation: "/about.html" });
});
after(() => platform.close());

const configure = (WebsiteConfiguration: object) =>
  platform.call("s3", "PutBucketWebsite", { Bucket, WebsiteConfiguration });

/** Asks a website as a browser would, by its host or by path. */
async function visit(
  url: string,
  options: { method?: string; headers?: Record<string, string>; bucket?: string } = {},
) {
  const [path = "", query = ""] = url.split("?");
  const byPath = path.startsWith("/_aws/");
  const front = websiteFronts[byPath ? 1 : 0]!;
  const host = `${options.bucket ?? Bucket}.s3-website.localhost`;
  const match = byPath ? front.path!.exec(path)! : front.host!.exec(host)!;
  const headers = { host: `${byPath ? "localhost" : host}:4566`, ...options.headers };
  const response = await front.handle(
    platform.flow({ principal: { type: "anonymous" } }),
    {
      method: options.method ?? "GET",
      path: byPath ? `/${path.slice(match[0].length)}` : path,
      query,
      headers,
      rawHeaders: Object.entries(headers),
      host,
      sourceIp: "127.0.0.1",
      protocol: "HTTP/1.1",
      body: Readable.from([]),
      signerOfForm() {
        throw new Error("this is no form");
      },
      readBody: async () => Buffer.alloc(0),
    },
    { ...match.groups },
  );
  const { body } = response;
  const text = body === undefined ? "" : typeof body === "string" ? body : (await buffer(body as Readable)).toString();
  return { ...response, text };
}

test("pages and index documents are served with their headers", async () => {
  await configure({ IndexDocument: { Suffix: "index.html" } });
  for (const [url, key] of [
    ["/", "index.html"],
    ["/about.html", "about.html"],
    ["/docs/", "docs/index.html"],
    ["/%C3%BC/a%20b.html", "ü/a b.html"],
    ["/_aws/s3-website/www.example.com/", "index.html"],
    ["/_aws/s3-website/www.example.com/docs/", "docs/index.html"],
  ] as const) {
    const page = await visit(url);
    assert.deepEqual([page.status, page.text, page.headers["content-type"]], [200, `<p>${key}`, "text/html"], url);
    assert.equal(page.headers["x-amz-meta-m"], "1");
  }
  const head = await visit("/", { method: "HEAD" });
  assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "13"]);
  const part = await visit("/", { headers: { range: "bytes=0-2" } });
  assert.deepEqual([part.status, part.text, part.headers["content-range"]], [206, "<p>", "bytes 0-2/13"]);
  const { etag } = (await visit("/")).headers;
  assert.equal((await visit("/", { headers: { "if-none-match": String(etag) } })).status, 304);
  assert.equal((await visit("/", { headers: { "if-match": '"x"' } })).status, 412);
});

test("a folder asked for without its slash leads to the one with it", async () => {
  await configure({ IndexDocument: { Suffix: "index.html" } });
  const page = await visit("/docs");
  assert.deepEqual([page.status, page.headers["location"]], [302, "/docs/"]);
  const byPath = await visit("/_aws/s3-website/www.example.com/docs");
  assert.equal(byPath.headers["location"], "/_aws/s3-website/www.example.com/docs/");
  const root = await visit("/_aws/s3-website/www.example.com");
  assert.deepEqual([root.status, root.headers["location"]], [302, "/_aws/s3-website/www.example.com/"]);
});

test("errors are S3's pages, or the bucket's own document with the error's status", async () => {
  await configure({ IndexDocument: { Suffix: "index.html" } });
  const missing = await visit("/no<b>.html");
  assert.equal(missing.status, 404);
  assert.match(
    missing.text,
    /<li>Code: NoSuchKey<\/li>\n<li>Message: The specified key does not exist.<\/li>\n<li>Key: no&lt;b&gt;.html/,
  );
  assert.equal((await visit("/secret/")).status, 403);
  assert.equal((await visit("/", { method: "POST" })).status, 405);
  assert.equal((await visit("/%ff")).status, 400);
  assert.match((await visit("/", { bucket: "no-such-bucket" })).text, /NoSuchBucket/);

  await configure({ IndexDocument: { Suffix: "index.html" }, ErrorDocument: { Key: "error.html" } });
  for (const [url, status] of [
    ["/none", 404],
    ["/secret/", 403],
  ] as const) {
    const page = await visit(url);
    assert.deepEqual([page.status, page.text, page.headers["content-type"]], [status, "<p>error.html", "text/html"]);
  }
  await configure({ IndexDocument: { Suffix: "index.html" }, ErrorDocument: { Key: "gone.html" } });
  assert.match((await visit("/none")).text, /An Error Occurred While Attempting to Retrieve a Custom Error Document/);
  await platform.call("s3", "DeleteBucketWebsite", { Bucket });
  assert.match((await visit("/")).text, /NoSuchWebsiteConfiguration/);
});

test("rules, objects and whole websites redirect", async () => {
  await configure({
    IndexDocument: { Suffix: "index.html" },
    RoutingRules: [
      { Condition: { KeyPrefixEquals: "old/" }, Redirect: { ReplaceKeyPrefixWith: "docs/" } },
      { Condition: { KeyPrefixEquals: "one" }, Redirect: { ReplaceKeyWith: "about.html", HttpRedirectCode: "302" } },
      {
        Condition: { KeyPrefixEquals: "app/", HttpErrorCodeReturnedEquals: "404" },
        Redirect: { HostName: "other.example", Protocol: "https", ReplaceKeyPrefixWith: "#!/" },
      },
      { Condition: { HttpErrorCodeReturnedEquals: "403" }, Redirect: { ReplaceKeyWith: "login" } },
    ],
  });
  const host = `${Bucket}.s3-website.localhost:4566`;
  for (const [url, status, location] of [
    ["/old/x", 301, `http://${host}/docs/x`],
    ["/one/two", 302, `http://${host}/about.html`],
    ["/app/x", 301, "https://other.example/#!/x"],
    ["/secret/", 301, `http://${host}/login`],
    ["/moved", 301, "/about.html"],
    ["/_aws/s3-website/www.example.com/old/x", 301, "http://localhost:4566/_aws/s3-website/www.example.com/docs/x"],
  ] as const) {
    const page = await visit(url);
    assert.deepEqual([page.status, page.headers["location"]], [status, location], url);
  }
  assert.equal((await visit("/none")).status, 404);

  await configure({ RedirectAllRequestsTo: { HostName: "example.com", Protocol: "https" } });
  const page = await visit("/a/b?c=d");
  assert.deepEqual([page.status, page.headers["location"]], [301, "https://example.com/a/b?c=d"]);
});

test("a website configuration that S3 would not take is refused", async () => {
  const index = { IndexDocument: { Suffix: "index.html" } };
  for (const [wrong, message] of [
    [{}, /IndexDocument Suffix must be provided/],
    [{ IndexDocument: { Suffix: "a/b" } }, /not well formed/],
    [{ ...index, RedirectAllRequestsTo: { HostName: "x" } }, /cannot be provided in conjunction/],
    [{ ...index, RoutingRules: [{ Redirect: { ReplaceKeyWith: "a", ReplaceKeyPrefixWith: "b" } }] }, /not both/],
    [{ ...index, RoutingRules: [{ Redirect: { HttpRedirectCode: "200" } }] }, /redirect code \(200\) is not valid/],
    [{ ...index, RoutingRules: [{ Condition: {}, Redirect: { ReplaceKeyWith: "a" } }] }, /Condition cannot be empty/],
    [
      {
        ...index,
        RoutingRules: [{ Condition: { HttpErrorCodeReturnedEquals: "200" }, Redirect: { ReplaceKeyWith: "a" } }],
      },
      /error code \(200\)/,
    ],
    [{ ...index, RoutingRules: [{ Redirect: { Protocol: "ftp" } }] }, /Invalid protocol/],
  ] as const) {
    await assert.rejects(configure(wrong), { message });
  }
});
