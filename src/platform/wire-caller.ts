/** Who calls over HTTP, read from the call as far as somebody asks. */
import type { AccountId, Region } from "../kernel/arn.ts";
import { parseTraceHeader, type Trace } from "../kernel/trace.ts";
import type { Principal } from "../services/service.ts";
import type { ApiCall } from "../wire/server.ts";
import type { Caller } from "./core.ts";
import type { Who } from "./identity.ts";

export class WireCaller implements Caller {
  readonly http: ApiCall<Who>;
  readonly region: Region;
  readonly endpoint: string;
  readonly trace: Trace | undefined;
  #conditions: Readonly<Record<string, string>> | undefined;

  /** @param region where the request names none */
  constructor(call: ApiCall<Who>, region: Region) {
    this.http = call;
    this.region = (call.region as Region | undefined) ?? region;
    this.endpoint = call.endpoint;
    this.trace = parseTraceHeader(call.headers["x-amzn-trace-id"]);
  }

  get principal(): Principal {
    return this.http.who.principal;
  }

  get accountId(): AccountId {
    return this.http.who.accountId;
  }

  get requestId(): string {
    return this.http.requestId;
  }

  get signal(): AbortSignal {
    return this.http.signal;
  }

  get conditions(): Readonly<Record<string, string>> {
    const { sourceIp, headers } = this.http;
    this.#conditions ??= { "aws:SourceIp": sourceIp, "aws:UserAgent": headers["user-agent"] ?? "" };
    return this.#conditions;
  }
}
