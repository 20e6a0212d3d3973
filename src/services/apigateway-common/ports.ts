/**
 * What both API Gateways need of the world outside themselves. This folder is a library room: it holds what `apigateway` (REST APIs) and
 * `apigatewayv2` (HTTP APIs) share, and is no service.
 */
import type { FlowContext, HttpRequest, HttpResponse, Principal } from "../service.ts";
import type { ApiAddress } from "./addresses.ts";

/** A request to one of Virga's own AWS APIs, as an integration would send it to AWS. */
export interface AwsRequest {
  /** The API's endpoint prefix: `sqs`, `dynamodb`, `s3`, `lambda` … */
  readonly service: string;
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface AwsResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An HTTP request to somebody else's server. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
  readonly responseBytesMax: number;
}

export interface IncomingResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

export interface ApigatewayPorts {
  /** Hands a request to Virga's own wire, as if `principal` had signed it. Errors come back as responses in the service's own protocol. */
  dispatchAws(
    flow: FlowContext,
    request: AwsRequest,
    as: { readonly principal: Principal; readonly accountId: string; readonly region: string },
  ): Promise<AwsResponse>;
  /** Whether a signed caller may call a route whose authorization is AWS_IAM: `execute-api:Invoke` on the route's ARN. */
  mayInvoke(flow: FlowContext, request: { readonly principal: Principal; readonly resource: string }): Promise<boolean>;
  /** Speaks HTTP to the world. Rejects when no answer came. */
  sendHttp(request: OutgoingRequest): Promise<IncomingResponse>;
}

/** Answers requests to the deployed APIs of one kind. The request's path no longer carries what addressed the API. */
export type DataPlane = (
  flow: FlowContext,
  api: ApiAddress & { readonly apiId: string },
  request: HttpRequest,
) => Promise<HttpResponse>;
