/** CORS of HTTP APIs. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html */
import type { Cors } from "@aws-sdk/client-apigatewayv2";
import type { HttpRequest, HttpResponse } from "../service.ts";

export function isPreflight(request: HttpRequest): boolean {
  return (
    request.method === "OPTIONS" &&
    request.headers["origin"] !== undefined &&
    request.headers["access-control-request-method"] !== undefined
  );
}

/** The origin as it is to be echoed, or undefined when it is not allowed. */
function allowedOrigin(cors: Cors, origin: string): string | undefined {
  for (const allowed of cors.AllowOrigins ?? []) {
    if (allowed === "*") return "*";
    if (allowed.toLowerCase() === origin.toLowerCase()) return origin;
    if (allowed.endsWith("://*") && origin.toLowerCase().startsWith(allowed.slice(0, -1).toLowerCase())) return origin;
  }
  return undefined;
}

/** 204, with headers only for an origin that may. */
export function preflight(cors: Cors, request: HttpRequest): HttpResponse {
  const origin = allowedOrigin(cors, request.headers["origin"]!);
  const headers: Record<string, string> = {};
  if (origin) {
    headers["access-control-allow-origin"] = origin;
    if (cors.AllowMethods?.length) headers["access-control-allow-methods"] = cors.AllowMethods.join(",");
    if (cors.AllowHeaders?.length) headers["access-control-allow-headers"] = cors.AllowHeaders.join(",").toLowerCase();
    if (cors.MaxAge !== undefined) headers["access-control-max-age"] = String(cors.MaxAge);
    if (cors.AllowCredentials) headers["access-control-allow-credentials"] = "true";
  }
  return { status: 204, headers };
}

/** The API's own CORS headers take the place of whatever the backend sent. */
export function withCors(cors: Cors, request: HttpRequest, response: HttpResponse): HttpResponse {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (!name.toLowerCase().startsWith("access-control-")) headers[name] = value;
  }
  const origin = request.headers["origin"] === undefined ? undefined : allowedOrigin(cors, request.headers["origin"]);
  if (origin) {
    headers["access-control-allow-origin"] = origin;
    if (cors.ExposeHeaders?.length)
      headers["access-control-expose-headers"] = cors.ExposeHeaders.join(",").toLowerCase();
    if (cors.AllowCredentials) headers["access-control-allow-credentials"] = "true";
  }
  return { ...response, headers };
}
