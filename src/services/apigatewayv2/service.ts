/** Amazon API Gateway v2: HTTP APIs. WebSocket APIs, VPC links, custom domains, access logs and portals are not there. */
import type { ApigatewayPorts, DataPlane } from "../apigateway-common/ports.ts";
import { defineService, type Service } from "../service.ts";
import * as apis from "./apis.ts";
import * as authorizers from "./authorizers.ts";
import { exportApi } from "./export.ts";
import * as integrations from "./integrations.ts";
import * as openapi from "./openapi.ts";
import { permissions } from "./permissions.ts";
import { createHttpApiPlane } from "./plane.ts";
import { resources } from "./resources.ts";
import * as routes from "./routes.ts";
import * as stages from "./stages.ts";

export function createApigatewayv2(ports: ApigatewayPorts): {
  readonly service: Service<"apigatewayv2">;
  readonly plane: DataPlane;
} {
  return { service: apigatewayv2, plane: createHttpApiPlane(ports) };
}

const WEBSOCKET_ROUTE_MEMBERS = [
  "ModelSelectionExpression",
  "RequestModels",
  "RequestParameters",
  "RouteResponseSelectionExpression",
];
const WEBSOCKET_INTEGRATION_MEMBERS = [
  "ContentHandlingStrategy",
  "PassthroughBehavior",
  "RequestTemplates",
  "TemplateSelectionExpression",
  "TlsConfig",
];

export const apigatewayv2 = defineService<"apigatewayv2">({
  name: "apigatewayv2",
  operations: {
    CreateApi: apis.createApi,
    CreateAuthorizer: authorizers.createAuthorizer,
    CreateDeployment: stages.createDeployment,
    CreateIntegration: integrations.createIntegration,
    CreateRoute: routes.createRoute,
    CreateStage: stages.createStage,
    DeleteApi: apis.deleteApi,
    DeleteAuthorizer: authorizers.deleteAuthorizer,
    DeleteCorsConfiguration: apis.deleteCorsConfiguration,
    DeleteDeployment: stages.deleteDeployment,
    DeleteIntegration: integrations.deleteIntegration,
    DeleteRoute: routes.deleteRoute,
    DeleteRouteSettings: stages.deleteRouteSettings,
    DeleteStage: stages.deleteStage,
    ExportApi: exportApi,
    GetApi: apis.getApi,
    GetApis: apis.getApis,
    GetAuthorizer: authorizers.getAuthorizer,
    GetAuthorizers: authorizers.getAuthorizers,
    GetDeployment: stages.getDeployment,
    GetDeployments: stages.getDeployments,
    GetIntegration: integrations.getIntegration,
    GetIntegrations: integrations.getIntegrations,
    GetRoute: routes.getRoute,
    GetRoutes: routes.getRoutes,
    GetStage: stages.getStage,
    GetStages: stages.getStages,
    GetTags: apis.getTags,
    ImportApi: openapi.importApi,
    ReimportApi: openapi.reimportApi,
    ResetAuthorizersCache: authorizers.resetAuthorizersCache,
    TagResource: apis.tagResource,
    UntagResource: apis.untagResource,
    UpdateApi: apis.updateApi,
    UpdateAuthorizer: authorizers.updateAuthorizer,
    UpdateDeployment: stages.updateDeployment,
    UpdateIntegration: integrations.updateIntegration,
    UpdateRoute: routes.updateRoute,
    UpdateStage: stages.updateStage,
  },
  permissions,
  unsupported: {
    CreateApi: ["ApiKeySelectionExpression", "DisableSchemaValidation"],
    UpdateApi: ["ApiKeySelectionExpression", "DisableSchemaValidation"],
    CreateAuthorizer: ["IdentityValidationExpression"],
    UpdateAuthorizer: ["IdentityValidationExpression"],
    CreateIntegration: WEBSOCKET_INTEGRATION_MEMBERS,
    UpdateIntegration: WEBSOCKET_INTEGRATION_MEMBERS,
    CreateRoute: WEBSOCKET_ROUTE_MEMBERS,
    UpdateRoute: WEBSOCKET_ROUTE_MEMBERS,
  },
  resources,
});
