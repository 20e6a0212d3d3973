/**
 * What requests to deployed APIs are measured and billed by.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html, https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
 * and https://aws.amazon.com/api-gateway/pricing/
 */
import { arn } from "../../kernel/arn.ts";
import type { FlowContext, HttpRequest, HttpResponse } from "../service.ts";
import { transferred } from "../usage-common/transfer.ts";

/** HTTP APIs are metered in pieces of 512 KB of request or response. */
const UNIT_BYTES = 512 * 1024;

export interface MeteredApi {
  readonly kind: "HTTP" | "REST";
  readonly apiId: string;
  /** REST APIs are measured by their name. */
  readonly apiName: string;
  readonly stage: string;
}

/** Runs the integration, and takes the time that its answer needs. */
export type TimeIntegration = (run: () => Promise<HttpResponse>) => Promise<HttpResponse>;

/** Measures how a request is answered, and bills it before the answer leaves. */
export async function meteredRequest(
  flow: FlowContext,
  api: MeteredApi,
  request: HttpRequest,
  answer: (timed: TimeIntegration) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const from = flow.clock.monotonicMs();
  let integrationMs: number | undefined;
  const response = await answer(async (run) => {
    const since = flow.clock.monotonicMs();
    try {
      return await run();
    } finally {
      integrationMs = flow.clock.monotonicMs() - since;
    }
  });
  const isHttp = api.kind === "HTTP";
  const own: Record<string, string> = isHttp ? { ApiId: api.apiId } : { ApiName: api.apiName };
  const family = Math.floor(response.status / 100);
  const count = (name: string, value: number, unit: "Count" | "Milliseconds" | "Bytes" = "Count") => {
    const datum = { namespace: "AWS/ApiGateway", name, unit, value };
    flow.measure({ ...datum, dimensions: own });
    flow.measure({ ...datum, dimensions: { ...own, Stage: api.stage } });
  };
  count("Count", 1);
  count("Latency", flow.clock.monotonicMs() - from, "Milliseconds");
  if (integrationMs !== undefined) count("IntegrationLatency", integrationMs, "Milliseconds");
  count(isHttp ? "4xx" : "4XXError", family === 4 ? 1 : 0);
  count(isHttp ? "5xx" : "5XXError", family === 5 ? 1 : 0);
  const bytes = Math.max(Number(request.headers["content-length"] ?? 0), sizeOf(response));
  if (isHttp) count("DataProcessed", bytes, "Bytes");
  const resource = arn("apigateway", flow.region, "", `/${isHttp ? "apis" : "restapis"}/${api.apiId}`);
  const quantity = isHttp ? Math.max(1, Math.ceil(bytes / UNIT_BYTES)) : 1;
  flow.use({ resource, usageType: isHttp ? "ApiGatewayHttpRequest" : "ApiGatewayRequest", quantity });
  return transferred(flow, resource, request, response);
}

/** Of a streamed body nobody knows before it is sent; it counts as one piece. */
function sizeOf({ body }: HttpResponse): number {
  if (typeof body === "string") return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.byteLength : 0;
}
