/**
 * What a browser is not allowed to do to Virga. Where any credentials are let in, whoever reaches the port may do everything; a browser reaches it on
 * behalf of whatever page is open. So a page of another site gets in with a key that is known, or not at all; a name that somebody else's DNS
 * may point at this machine is not answered; and documents that users stored do not run in the console's origin.
 *
 * Surfaces that are not AWS's APIs (websites, API stages, function URLs) are for everybody, as on AWS.
 */
import { AwsError } from "../kernel/errors.ts";
import type { Authenticator } from "./authenticate.ts";
import type { Head } from "./route.ts";

const ADDRESS = /^(?:\d{1,3}\.){3}\d{1,3}$|^\[/;
/**
 * Names that nobody else's DNS can point here: without a dot, or under a top-level domain that is reserved, or AWS's own.
 * @see https://www.rfc-editor.org/rfc/rfc6761 and https://www.icann.org/en/board-activities-and-meetings/materials/approved-resolutions-special-meeting-of-the-icann-board-29-07-2024-en
 */
const PRIVATE_NAME = /^[^.]+$|\.(?:localhost|test|example|invalid|local|internal|home\.arpa|amazonaws\.com)$/;
const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Against DNS rebinding: a page of evil.example whose name now means 127.0.0.1 would be of the same origin as Virga itself.
 * @param host without its port, lower case
 * @throws AwsError where the name may be anybody's
 */
export function checkHost(host: string): void {
  const name = host.replace(/\.$/, "");
  if (ADDRESS.test(name) || PRIVATE_NAME.test(name)) return;
  throw new AwsError(
    "AccessDenied",
    `Virga does not answer to the name ${name.slice(0, 200)}, because a page of another site could hide behind it. Use http://localhost, or start Virga with --auth required.`,
    403,
  );
}

/** The page of another site that sent this; undefined where nobody did, or where the request can change nothing. */
export function foreignPage({ method, query, headers }: Head): string | undefined {
  if ((method === "GET" || method === "HEAD" || method === "OPTIONS") && !/(^|&)Action=/.test(query)) return undefined;
  const origin = headers["origin"];
  if (origin === undefined) return headers["sec-fetch-site"] === "cross-site" ? "another site" : undefined;
  const host = headers["host"] ?? "";
  if (URL.canParse(origin)) {
    const page = new URL(origin);
    if (page.host === host.toLowerCase()) return undefined;
    // A development server on this machine. On Virga's own port it would be something that somebody stored here.
    const port = /:(\d+)$/.exec(host)?.[1] ?? "";
    if (LOOPBACK.test(page.hostname) && page.port !== port) return undefined;
  }
  return origin.slice(0, 200);
}

/** Lets in keys that are known, and nobody else: what a page of another site finds. */
export function knownKeysOnly<Who>(authenticator: Authenticator<Who>, page: string): Authenticator<Who> {
  const refuse = (): never => {
    throw new AwsError(
      "AccessDenied",
      `A page of ${page} sent this request. Pages of other sites need a key that Virga knows (iam create-access-key).`,
      403,
    );
  };
  return {
    required: authenticator.required,
    find: (accessKeyId) => authenticator.find(accessKeyId),
    stranger: refuse,
    // A bucket's policy may allow everybody something; that holds for pages too.
    unsigned: (service) => (service === "s3" ? authenticator.unsigned(service) : refuse()),
  };
}

/** Requests whose answer becomes a document of its own. */
const DOCUMENT = new Set(["document", "iframe", "frame", "object", "embed"]);
/** Types in which no script can be. */
const INERT =
  /^(?:image\/(?!svg)|audio\/|video\/|font\/|text\/(?:plain|css|csv)|application\/(?:pdf|json|zip|gzip|octet-stream))/i;
const CONSOLE = /^\/_virga\//;
const SANDBOX =
  "sandbox allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-scripts";

/**
 * Objects, websites and functions' answers that are reached by path would share an origin with the console, its access key and its rights. They
 * run in an origin of their own. By their own host names (`photos.s3-website.localhost`) they have one already.
 */
export function isolated<R extends { readonly headers: Readonly<Record<string, unknown>> }>(head: Head, reply: R): R {
  const { host, path, headers } = head;
  if (!DOCUMENT.has(headers["sec-fetch-dest"] ?? "") || CONSOLE.test(path)) return reply;
  if (host !== "localhost" && !ADDRESS.test(host)) return reply;
  const type = reply.headers["content-type"];
  if (typeof type === "string" && INERT.test(type)) return reply;
  const policy = reply.headers["content-security-policy"];
  return {
    ...reply,
    headers: {
      ...reply.headers,
      "content-security-policy": typeof policy === "string" ? `${policy}, ${SANDBOX}` : SANDBOX,
    },
  };
}
