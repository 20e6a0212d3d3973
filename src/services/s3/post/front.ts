/**
 * Uploads by a browser's form: `POST /bucket` with multipart/form-data.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
 */
import { Readable } from "node:stream";
import { AwsError } from "../../../kernel/errors.ts";
import type { FlowContext, HttpFront, HttpRequest, HttpResponse, InputOf } from "../../service.ts";
import { objectUrlBase } from "../buckets.ts";
import { CHECKSUM_ALGORITHMS, CHECKSUM_MEMBERS } from "../checksums.ts";
import { corsHeaders } from "../cors.ts";
import { invalidArgument, s3Error } from "../errors.ts";
import { fromForm } from "../objects/put.ts";
import { BUCKET_HOST, errorResponse, escapeXml } from "../web.ts";
import { encodePath } from "../website/routing.ts";
import { boundaryOf, type Form, readForm } from "./form.ts";
import { checkPolicy, type SizeRange } from "./policy.ts";

const FORM = /^multipart\/form-data\b/i;

const handle: HttpFront["handle"] = async (flow, request, groups) => {
  const bucket = (groups["bucket"] ?? groups["label"])!;
  const cors = await flow.write((tx) => corsHeaders(tx, bucket, request));
  let response: HttpResponse;
  try {
    response = await upload(flow, request, bucket);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    response = errorResponse(error, `/${bucket}`, flow.requestId);
  }
  return { ...response, headers: { ...response.headers, ...cors } };
};

export const postFronts: readonly HttpFront[] = [
  { name: "s3 form upload", method: /^POST$/, contentType: FORM, host: BUCKET_HOST, handle },
  {
    name: "s3 form upload by path",
    method: /^POST$/,
    contentType: FORM,
    path: /^\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?$/,
    handle,
  },
];

/** @throws what PutObject throws, and what is wrong with the form or its policy */
async function upload(flow: FlowContext, request: HttpRequest, bucket: string): Promise<HttpResponse> {
  const form = await readForm(request.body, boundaryOf(request.headers["content-type"]));
  const { fields } = form;
  if (!fields["key"]) {
    throw invalidArgument(
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
      "key",
      "",
    );
  }
  const signer = request.signerOfForm(fields);
  const { policy } = fields;
  const sizes = policy === undefined ? undefined : checkPolicy(policy, { ...fields, bucket }, flow.clock.nowMs());
  const Key = fields["key"].replaceAll("${filename}", form.file.name);
  const input = { ...inputOf(fields), Bucket: bucket, Key, Body: Readable.from(withinSizes(form, sizes)) };
  const put = await flow.as(signer).call("s3", "PutObject", fromForm(input));
  return success(flow, fields, { bucket, key: Key, etag: put.ETag! });
}

async function* withinSizes(form: Form, sizes: SizeRange | undefined): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of form.file.bytes) {
    bytes += chunk.length;
    if (sizes && bytes > sizes.max) {
      throw s3Error("EntityTooLarge", { ProposedSize: bytes, MaxSizeAllowed: sizes.max });
    }
    yield chunk;
  }
  if (sizes && bytes < sizes.min) {
    throw s3Error("EntityTooSmall", { ProposedSize: bytes, MinSizeAllowed: sizes.min });
  }
}

type PutInput = Omit<InputOf<"s3", "PutObject">, "Bucket" | "Key" | "Body">;

/** Fields that stand for headers of PutObject. */
const MEMBERS = {
  acl: "ACL",
  "cache-control": "CacheControl",
  "content-type": "ContentType",
  "content-disposition": "ContentDisposition",
  "content-encoding": "ContentEncoding",
  "content-language": "ContentLanguage",
  "content-md5": "ContentMD5",
  "x-amz-storage-class": "StorageClass",
  "x-amz-server-side-encryption": "ServerSideEncryption",
  "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
  "x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
  "x-amz-website-redirect-location": "WebsiteRedirectLocation",
  "x-amz-checksum-algorithm": "ChecksumAlgorithm",
} as const satisfies Record<string, keyof PutInput>;

function inputOf(fields: Readonly<Record<string, string>>): PutInput {
  const input: Record<string, unknown> = {};
  const Metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    const member = (MEMBERS as Record<string, string>)[name];
    if (member !== undefined) input[member] = value;
    else if (name.startsWith("x-amz-meta-")) Metadata[name.slice("x-amz-meta-".length)] = value;
  }
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = fields[`x-amz-checksum-${algorithm.toLowerCase()}`];
    if (value !== undefined) input[CHECKSUM_MEMBERS[algorithm]] = value;
  }
  if (fields["expires"] !== undefined) input["Expires"] = new Date(fields["expires"]);
  if (fields["tagging"] !== undefined) input["Tagging"] = tagsOf(fields["tagging"]);
  return { ...input, Metadata };
}

/** The tagging field is the XML of a tag set; PutObject takes a query string. */
function tagsOf(xml: string): string {
  const decode = (text: string) =>
    text.replace(/&(lt|gt|amp|quot|apos);/g, (_, name: keyof typeof NAMED) => NAMED[name]);
  const tags = new URLSearchParams();
  for (const [, tag = ""] of xml.matchAll(/<Tag>(.*?)<\/Tag>/gs)) {
    const name = /<Key>(.*?)<\/Key>/s.exec(tag)?.[1];
    if (name === undefined) throw s3Error("MalformedXML");
    tags.append(decode(name), decode(/<Value>(.*?)<\/Value>/s.exec(tag)?.[1] ?? ""));
  }
  if (!/^\s*(<\?xml[^>]*>)?\s*<Tagging/.test(xml)) throw s3Error("MalformedXML");
  return tags.toString();
}

const NAMED = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" } as const;

/** 204, or what the form asked for: 200, 201 with a document, or a redirect that tells what was stored. */
function success(
  flow: FlowContext,
  fields: Readonly<Record<string, string>>,
  stored: { readonly bucket: string; readonly key: string; readonly etag: string },
): HttpResponse {
  const location = `${objectUrlBase(stored.bucket, flow.endpoint)}/${encodePath(stored.key)}`;
  const headers = { etag: stored.etag, location };
  const target = redirectTarget(fields["success_action_redirect"] ?? fields["redirect"]);
  if (target) {
    for (const [name, value] of Object.entries(stored)) target.searchParams.set(name, value);
    return { status: 303, headers: { ...headers, location: target.href } };
  }
  const asked = fields["success_action_status"];
  if (asked === "200") return { status: 200, headers, body: "" };
  if (asked !== "201") return { status: 204, headers };
  const elements = { Location: location, Bucket: stored.bucket, Key: stored.key, ETag: stored.etag };
  const body = Object.entries(elements).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
  return {
    status: 201,
    headers: { ...headers, "content-type": "application/xml" },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>${body.join("")}</PostResponse>`,
  };
}

/** S3 ignores a redirect that is no URL. */
function redirectTarget(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}
