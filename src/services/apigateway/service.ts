/** Amazon API Gateway: REST APIs, and the addresses of all deployed APIs. */
import { executeApiFronts } from "../apigateway-common/fronts.ts";
import type { ApigatewayPorts, DataPlane } from "../apigateway-common/ports.ts";
import { jsonMessage } from "../apigateway-common/replies.ts";
import { defineService, type Service } from "../service.ts";

/** @param httpApis answers for the APIs of `apigatewayv2`, whose addresses are of the same form */
export function createApigateway(_ports: ApigatewayPorts, httpApis: DataPlane): Service<"apigateway"> {
  const restApis: DataPlane = async () => jsonMessage(403, "Forbidden");
  return { ...apigateway, fronts: executeApiFronts({ HTTP: httpApis, REST: restApis }) };
}

export const apigateway = defineService<"apigateway">({ name: "apigateway", operations: {} });
