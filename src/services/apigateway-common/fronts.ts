/** The addresses under which deployed APIs are reached: `APIID.execute-api.…` and `/_aws/execute-api/APIID/…`. */
import type { FlowContext, HttpFront, HttpRequest, HttpResponse } from "../service.ts";
import { findApi } from "./addresses.ts";
import type { DataPlane } from "./ports.ts";
import { jsonMessage } from "./replies.ts";

/** One front for both kinds of API, because an id alone does not tell which kind it is. */
export function executeApiFronts(planes: { readonly HTTP: DataPlane; readonly REST: DataPlane }): readonly HttpFront[] {
  const handle = async (
    flow: FlowContext,
    request: HttpRequest,
    groups: Readonly<Record<string, string>>,
  ): Promise<HttpResponse> => {
    const apiId = groups["apiId"]!.toLowerCase();
    const address = await flow.write((tx) => findApi(tx, apiId));
    if (!address) return jsonMessage(404, "Not Found");
    return planes[address.kind](flow, { ...address, apiId }, request);
  };
  return [
    { name: "execute-api", host: /^(?<apiId>[a-z0-9]+)\.execute-api\./i, handle },
    { name: "execute-api-path", path: /^\/_aws\/execute-api\/(?<apiId>[a-z0-9]+)(?=\/|$)/i, handle },
  ];
}
