/**
 * Static websites. Every page is an anonymous GetObject: what the bucket's policy does not open to everyone is 403.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/IndexDocumentSupport.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/CustomErrorDocSupport.html
 */
import type { Readable } from "node:stream";
import { AwsError } from "../../../kernel/errors.ts";
import type { FlowContext, HttpFront, HttpRequest, HttpResponse, InputOf, OutputOf, Principal } from "../../service.ts";
import { objectArn } from "../buckets.ts";
import { corsHeaders } from "../cors.ts";
import { noSuchBucket, noSuchKey, s3Error } from "../errors.ts";
import { bucketKey, buckets } from "../state.ts";
import { currentObject } from "../versions.ts";
import { type WebsiteConfiguration, websiteOf } from "./configuration.ts";
import { errorPage, redirectPage, websiteHeaders } from "./pages.ts";
import { encodePath, matchingRule, redirectOf } from "./routing.ts";

const ANONYMOUS: Principal = { type: "anonymous" };

/** One request for one website. */
interface Visit {
  readonly flow: FlowContext;
  readonly request: HttpRequest;
  readonly bucket: string;
  /** Path under which the website lies on this host: empty when the host is its own. */
  readonly base: string;
}

/** `photos.s3-website.localhost`, `photos.s3-website-eu-west-1.amazonaws.com`, `photos.s3-website.eu-central-1.amazonaws.com` */
const HOST = /^(?<bucket>[a-z0-9.-]+)\.s3-website(?:[.-][a-z]{2}(?:-[a-z]+)+-\d)?\.(?:localhost|amazonaws\.com)$/i;
const PATH = /^\/_aws\/s3-website\/(?<bucket>[a-z0-9.-]+)(?<slash>\/|$)/;

export const websiteFronts: readonly HttpFront[] = [
  {
    name: "s3-website",
    host: HOST,
    handle: (flow, request, { bucket }) => serve({ flow, request, bucket: bucket!.toLowerCase(), base: "" }),
  },
  {
    name: "s3-website by path",
    path: PATH,
    async handle(flow, request, { bucket, slash }) {
      const base = `/_aws/s3-website/${bucket}`;
      // Without the slash, a page's relative links would miss the website.
      if (slash === "") return redirectPage(302, `${base}/`, flow.requestId);
      return serve({ flow, request, bucket: bucket!, base });
    },
  },
];

async function serve(visit: Visit): Promise<HttpResponse> {
  const { flow, request, bucket } = visit;
  try {
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, {
        Method: request.method,
        ResourceType: "OBJECT",
        $headers: { allow: "GET, HEAD" },
      });
    }
    const { website, cors } = await flow.write((tx) => {
      if (!buckets.get(tx, bucketKey(bucket))) throw noSuchBucket(bucket);
      const website = websiteOf(tx, bucket);
      if (!website) throw s3Error("NoSuchWebsiteConfiguration", { BucketName: bucket });
      return { website, cors: corsHeaders(tx, bucket, request) };
    });
    const response = await answer(visit, website);
    return { ...response, headers: { ...response.headers, ...cors } };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return errorPage(error, flow.requestId);
  }
}

async function answer(visit: Visit, website: WebsiteConfiguration): Promise<HttpResponse> {
  const { flow, request, base } = visit;
  const { requestId } = flow;
  const here = { protocol: new URL(flow.endpoint).protocol.slice(0, -1), host: request.headers["host"] ?? "", base };
  const all = website.RedirectAllRequestsTo;
  if (all) {
    const query = request.query === "" ? "" : `?${request.query}`;
    return redirectPage(301, `${all.Protocol ?? here.protocol}://${all.HostName}${request.path}${query}`, requestId);
  }
  const asked = keyOf(request.path);
  const rules = website.RoutingRules ?? [];
  const before = matchingRule(rules, asked, undefined);
  if (before) {
    const { status, location } = redirectOf(before, asked, here);
    return redirectPage(status, location, requestId);
  }
  const suffix = website.IndexDocument!.Suffix!;
  const isFolder = asked === "" || asked.endsWith("/");
  try {
    return await page(visit, isFolder ? asked + suffix : asked);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.status === 304) return { status: 304, headers: { ...websiteHeaders(requestId), ...headersOf(error) } };
    if (error.code === "NoSuchKey" && !isFolder && (await exists(visit, `${asked}/${suffix}`))) {
      return redirectPage(302, `${base}/${encodePath(asked)}/`, requestId);
    }
    const after = matchingRule(rules, asked, error.status);
    if (after) {
      const { status, location } = redirectOf(after, asked, here);
      return redirectPage(status, location, requestId);
    }
    return failure(visit, website, error);
  }
}

const headersOf = (error: AwsError) => (error.detail["$headers"] ?? {}) as Record<string, string>;

/** @throws a 400 for a path that is no UTF-8 text */
function keyOf(path: string): string {
  try {
    return decodeURIComponent(path.slice(1));
  } catch {
    throw new AwsError("InvalidURI", "Couldn't parse the specified URI.", 400);
  }
}

type Got = OutputOf<"s3", "GetObject">;

/** The object as an answer, under the request's own conditions and range. */
async function page(visit: Visit, objectName: string): Promise<HttpResponse> {
  const { headers } = visit.request;
  const got = await fetchObject(visit, {
    Key: objectName,
    IfMatch: headers["if-match"],
    IfNoneMatch: headers["if-none-match"],
    IfModifiedSince: dateOf(headers["if-modified-since"]),
    IfUnmodifiedSince: dateOf(headers["if-unmodified-since"]),
    Range: headers["range"],
  });
  const redirect = got.WebsiteRedirectLocation;
  if (redirect !== undefined) {
    (got.Body as Readable | undefined)?.destroy();
    return redirectPage(301, redirect.startsWith("/") ? visit.base + redirect : redirect, visit.flow.requestId);
  }
  return objectResponse(got, got.ContentRange === undefined ? 200 : 206, visit.flow.requestId);
}

function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

async function fetchObject(visit: Visit, input: Omit<InputOf<"s3", "GetObject">, "Bucket">): Promise<Got> {
  const { flow, bucket, request } = visit;
  const objectName = input.Key!;
  const set = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  try {
    return (await flow.call(
      "s3",
      request.method === "HEAD" ? "HeadObject" : "GetObject",
      { Bucket: bucket, Key: objectName, ...set },
      { principal: ANONYMOUS },
    )) as Got;
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "AccessDenied") throw error;
    // Unlike the API, a website tells that a page is not there to who could not have listed the bucket.
    const absent = await flow
      .as({ principal: ANONYMOUS })
      .write(
        (tx, context) =>
          currentObject(tx, bucket, objectName) === undefined &&
          context.allows("s3", { action: "s3:GetObject", resource: objectArn(bucket, objectName) }),
      );
    throw absent ? noSuchKey(objectName) : error;
  }
}

async function exists(visit: Visit, objectName: string): Promise<boolean> {
  try {
    await visit.flow.call("s3", "HeadObject", { Bucket: visit.bucket, Key: objectName }, { principal: ANONYMOUS });
    return true;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return false;
  }
}

/** The bucket's own error document with the error's status, or S3's page. */
async function failure(visit: Visit, website: WebsiteConfiguration, error: AwsError): Promise<HttpResponse> {
  const { requestId } = visit.flow;
  const document = website.ErrorDocument?.Key;
  if (document === undefined) return errorPage(error, requestId);
  try {
    const { status, headers, body } = objectResponse(
      await fetchObject(visit, { Key: document }),
      error.status,
      requestId,
    );
    return {
      status,
      headers: { ...headers, "x-amz-error-code": error.code, "x-amz-error-message": error.message },
      ...(body !== undefined && { body }),
    };
  } catch (documentError) {
    if (!(documentError instanceof AwsError)) throw documentError;
    return errorPage(error, requestId, documentError);
  }
}

function objectResponse(got: Got, status: number, requestId: string): HttpResponse {
  const headers: Record<string, string> = {
    ...websiteHeaders(requestId),
    "content-type": got.ContentType ?? "binary/octet-stream",
    "content-length": String(got.ContentLength),
    etag: got.ETag!,
    "last-modified": got.LastModified!.toUTCString(),
    ...(status < 400 && { "accept-ranges": "bytes" }),
  };
  const optional: Record<string, string | undefined> = {
    "cache-control": got.CacheControl,
    "content-disposition": got.ContentDisposition,
    "content-encoding": got.ContentEncoding,
    "content-language": got.ContentLanguage,
    "content-range": got.ContentRange,
    expires: got.Expires?.toUTCString(),
    "x-amz-version-id": got.VersionId,
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) headers[name] = value;
  for (const [name, value] of Object.entries(got.Metadata ?? {})) headers[`x-amz-meta-${name}`] = value;
  return { status, headers, ...(got.Body !== undefined && { body: got.Body as unknown as Readable }) };
}
