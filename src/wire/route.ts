/** What an API request means: which service, protocol and operation, told from its head, or from its form where that names the action. */
import { AwsError } from "../kernel/errors.ts";
import { bucketOfHost } from "./hosts.ts";
import { type Protocol, ServiceProtocol } from "./protocols.ts";
import type { FormTree } from "./query.ts";
import { decodeSegment, parseQuery, type RequestParts } from "./rest.ts";
import type { Operation, ShapeLibrary } from "./shapes.ts";
import { type Claim, readClaim } from "./sigv4.ts";

/** A request without its body. */
export interface Head {
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** Without its port, lower case. */
  readonly host: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Target {
  readonly service: string;
  readonly protocol: Protocol;
  readonly operation: Operation;
  /** REST: what the path holds. */
  readonly labels?: Record<string, string>;
  readonly query?: RequestParts["query"];
  /** What the request says of its signature, where routing had to ask. */
  readonly claim?: Claim;
}

/** The service and the protocol are known before the operation is: a refusal is worded as they would word it. */
export interface Routed {
  readonly service: string;
  readonly protocol: Protocol;
  /** The bucket that an S3 request is for. */
  readonly bucket?: string;
  /** @throws UnknownOperationException, InvalidAction, MissingAction, MethodNotAllowed */
  target(): Target;
}

/** Signing names of services that share one, or whose name differs. */
const SIGNING_NAMES: Readonly<Record<string, readonly string[]>> = {
  apigateway: ["apigateway", "apigatewayv2"],
  ses: ["sesv2", "ses"],
  s3express: ["s3"],
};

const QUEUE_PATH = /^\/\d{12}\/[^/]+\/?$/;

export class RequestRouter {
  readonly #shapes: ShapeLibrary;
  readonly #protocols = new Map<string, ServiceProtocol>();
  readonly #byTarget = new Map<string, string>();
  readonly #byVersion = new Map<string, string>();

  constructor(shapes: ShapeLibrary) {
    this.#shapes = shapes;
    for (const { target, protocol, service, version, queryCompatible } of shapes.facts.values()) {
      if (target && protocol.startsWith("awsJson")) this.#byTarget.set(target, service);
      if (version && (protocol === "awsQuery" || protocol === "ec2Query" || queryCompatible))
        this.#byVersion.set(version, service);
    }
  }

  protocolOf(service: string): ServiceProtocol {
    let protocol = this.#protocols.get(service);
    if (!protocol) this.#protocols.set(service, (protocol = new ServiceProtocol(this.#shapes.model(service))));
    return protocol;
  }

  /** Routes by the head alone; undefined for a query call, whose form has to be read first: {@link byForm}. */
  byHead(head: Head): Routed | undefined {
    const { headers, path } = head;
    const target = headers["x-amz-target"];
    if (target !== undefined) {
      const dot = target.lastIndexOf(".");
      const protocol = headers["content-type"]?.includes("json-1.1") ? "awsJson1_1" : "awsJson1_0";
      return this.#rpc(protocol, this.#byTarget.get(target.slice(0, dot)), target.slice(dot + 1), target);
    }
    if (headers["smithy-protocol"] === "rpc-v2-cbor") {
      const [, service, operation] = /\/service\/([^/]+)\/operation\/([^/]+)$/.exec(path) ?? [];
      return this.#rpc("rpcv2Cbor", service && this.#byTarget.get(service), operation ?? "", path);
    }
    if (isQueryCall(head)) return undefined;
    const claim = readClaim(head);
    const scope = claim.kind === "signed" ? claim.signed.service : "s3";
    const candidates = (SIGNING_NAMES[scope] ?? [scope]).filter((name) => this.#shapes.facts.has(name));
    return this.rest(head, candidates.length > 0 ? candidates : ["s3"], claim);
  }

  #rpc(protocol: Protocol, service: string | undefined, name: string, asked: string): Routed {
    return {
      service: service ?? "s3",
      protocol,
      target: () => {
        if (!service) throw unknownOperation(asked);
        const operation = this.protocolOf(service).operation(name);
        if (!operation) throw new AwsError("UnknownOperationException", `Unknown operation ${name.slice(0, 200)}`);
        return { service, protocol, operation };
      },
    };
  }

  /** @param service where it is known already; else the form's version, the signature or the path tell */
  byForm(head: Head, form: FormTree, service = this.#serviceOfForm(head, form)): Routed {
    const isEc2 = service !== undefined && this.#shapes.facts.get(service)?.protocol === "ec2Query";
    const protocol = isEc2 ? "ec2Query" : "awsQuery";
    return {
      service: service ?? "s3",
      protocol,
      target: () => {
        const { Action: action, Version: version } = form;
        if (!service)
          throw new AwsError("InvalidAction", `Virga does not know a service with the version ${String(version)}`);
        if (typeof action !== "string")
          throw new AwsError("MissingAction", "The request must contain the parameter Action");
        const operation = this.protocolOf(service).operation(action);
        if (!operation) {
          const known = version ?? this.#shapes.facts.get(service)?.version;
          throw new AwsError("InvalidAction", `Could not find operation ${action} for version ${String(known)}`);
        }
        return { service, protocol, operation };
      },
    };
  }

  #serviceOfForm(head: Head, form: FormTree): string | undefined {
    const version = form["Version"];
    const byVersion = typeof version === "string" ? this.#byVersion.get(version) : undefined;
    if (byVersion) return byVersion;
    const claim = readClaim(head);
    const scope = claim.kind === "signed" ? claim.signed.service : undefined;
    if (scope && this.#shapes.facts.has(scope)) return scope;
    return QUEUE_PATH.test(head.path) ? "sqs" : undefined;
  }

  /** Routes by method and path among services that share an address. */
  rest(head: Head, candidates: readonly string[], claim?: Claim): Routed {
    try {
      return this.#restMatch(head, candidates, claim);
    } catch (error) {
      // A path or a query that cannot be decoded is refused in the words of the service it was sent to.
      return refused(candidates[0]!, candidates[0] === "s3" ? "restXml" : "restJson1", error);
    }
  }

  #restMatch(head: Head, candidates: readonly string[], claim: Claim | undefined): Routed {
    const query = parseQuery(head.query);
    const more = { query, ...(claim ? { claim } : {}) };
    if (candidates[0] === "s3") return this.#s3(head, more);
    for (const service of candidates) {
      const match = this.protocolOf(service).router(head.method, head.path, query, head.headers);
      if (match)
        return {
          service,
          protocol: "restJson1",
          target: () => ({ service, protocol: "restJson1", ...match, ...more }),
        };
    }
    return refused(candidates[0]!, "restJson1", unknownOperation(`${head.method} ${head.path}`));
  }

  #s3(head: Head, more: { readonly query: RequestParts["query"]; readonly claim?: Claim }): Routed {
    const hosted = bucketOfHost(head.host);
    const rest = head.path.slice(1);
    const slash = rest.indexOf("/");
    const bucket = hosted ?? (rest === "" ? undefined : decodeSegment(slash < 0 ? rest : rest.slice(0, slash)));
    const keyText = hosted !== undefined ? rest : slash < 0 ? "" : rest.slice(slash + 1);
    return {
      service: "s3",
      protocol: "restXml",
      ...(bucket === undefined ? {} : { bucket }),
      target: () => {
        const key = keyText === "" ? undefined : decodeSegment(keyText);
        const match = this.protocolOf("s3").router(head.method, head.path, more.query, head.headers, bucket, key);
        if (!match)
          throw methodNotAllowed(
            head.method,
            key === undefined ? (bucket === undefined ? "SERVICE" : "BUCKET") : "OBJECT",
          );
        // Both are `GET /`; only the signature tells which is meant.
        const { claim } = more;
        const directories = claim?.kind === "signed" && claim.signed.service === "s3express";
        const operation =
          directories && match.operation.name === "ListBuckets"
            ? this.protocolOf("s3").operation("ListDirectoryBuckets")!
            : match.operation;
        return { service: "s3", protocol: "restXml", ...match, operation, ...more };
      },
    };
  }
}

/** A request that means no operation. */
export function refused(service: string, protocol: Protocol, error: unknown): Routed {
  return {
    service,
    protocol,
    target: () => {
      throw error;
    },
  };
}

/**
 * SQS's older clients post to a queue's own address and leave its URL out of the form.
 * @param endpoint `http://localhost:4566`
 */
export function addQueueUrl(form: FormTree, service: string, endpoint: string, path: string): void {
  if (service === "sqs" && form["QueueUrl"] === undefined && QUEUE_PATH.test(path)) form["QueueUrl"] = endpoint + path;
}

/** A query call is a form, or a URL that names an action; but a browser's form to S3 is neither. */
function isQueryCall(head: Head): boolean {
  if (/(^|&)Action=/.test(head.query)) return true;
  if (head.method !== "POST" || !head.headers["content-type"]?.startsWith("application/x-www-form-urlencoded"))
    return false;
  const claim = readClaim(head);
  return claim.kind !== "signed" || claim.signed.service !== "s3";
}

export function unknownOperation(asked: string): AwsError {
  return new AwsError(
    "UnknownOperationException",
    `Virga does not know the operation ${asked.slice(0, 200)}. COMPAT.md lists what it supports.`,
    404,
  );
}

function methodNotAllowed(Method: string, ResourceType: string): AwsError {
  return new AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, {
    Method,
    ResourceType,
  });
}
