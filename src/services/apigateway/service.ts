/**
 * Amazon API Gateway: REST APIs, and the addresses of all deployed APIs. Cognito authorizers, caches, canaries, VPC links, custom domains,
 * access logs, documentation parts and generated SDKs are not there.
 */
import { executeApiFronts } from "../apigateway-common/fronts.ts";
import type { ApigatewayPorts, DataPlane } from "../apigateway-common/ports.ts";
import { defineService, type Service } from "../service.ts";
import * as authorizers from "./authorizers.ts";
import { getExport } from "./export.ts";
import * as gatewayResponses from "./gateway-responses.ts";
import * as integrations from "./integrations.ts";
import * as keys from "./keys.ts";
import * as methods from "./methods.ts";
import * as models from "./models.ts";
import * as openapi from "./openapi.ts";
import * as paths from "./paths.ts";
import { permissions } from "./permissions.ts";
import { resources } from "./resources.ts";
import * as restApis from "./rest-apis.ts";
import { createRestApiPlane } from "./runtime/plane.ts";
import * as stages from "./stages.ts";

/** @param httpApis answers for the APIs of `apigatewayv2`, whose addresses are of the same form */
export function createApigateway(ports: ApigatewayPorts, httpApis: DataPlane): Service<"apigateway"> {
  return { ...apigateway, fronts: executeApiFronts({ HTTP: httpApis, REST: createRestApiPlane(ports) }) };
}

export const apigateway = defineService<"apigateway">({
  name: "apigateway",
  operations: {
    CreateApiKey: keys.createApiKey,
    CreateAuthorizer: authorizers.createAuthorizer,
    CreateDeployment: stages.createDeployment,
    CreateModel: models.createModel,
    CreateRequestValidator: models.createRequestValidator,
    CreateResource: paths.createResource,
    CreateRestApi: restApis.createRestApi,
    CreateStage: stages.createStage,
    CreateUsagePlan: keys.createUsagePlan,
    CreateUsagePlanKey: keys.createUsagePlanKey,
    DeleteApiKey: keys.deleteApiKey,
    DeleteAuthorizer: authorizers.deleteAuthorizer,
    DeleteDeployment: stages.deleteDeployment,
    DeleteGatewayResponse: gatewayResponses.deleteGatewayResponse,
    DeleteIntegration: integrations.deleteIntegration,
    DeleteIntegrationResponse: integrations.deleteIntegrationResponse,
    DeleteMethod: methods.deleteMethod,
    DeleteMethodResponse: methods.deleteMethodResponse,
    DeleteModel: models.deleteModel,
    DeleteRequestValidator: models.deleteRequestValidator,
    DeleteResource: paths.deleteResource,
    DeleteRestApi: restApis.deleteRestApi,
    DeleteStage: stages.deleteStage,
    DeleteUsagePlan: keys.deleteUsagePlan,
    DeleteUsagePlanKey: keys.deleteUsagePlanKey,
    GetExport: getExport,
    ImportRestApi: openapi.importRestApi,
    PutRestApi: openapi.putRestApi,
    FlushStageAuthorizersCache: stages.flushStageAuthorizersCache,
    GetAccount: restApis.getAccount,
    GetApiKey: keys.getApiKey,
    GetApiKeys: keys.getApiKeys,
    GetAuthorizer: authorizers.getAuthorizer,
    GetAuthorizers: authorizers.getAuthorizers,
    GetDeployment: stages.getDeployment,
    GetDeployments: stages.getDeployments,
    GetGatewayResponse: gatewayResponses.getGatewayResponse,
    GetGatewayResponses: gatewayResponses.getGatewayResponses,
    GetIntegration: integrations.getIntegration,
    GetIntegrationResponse: integrations.getIntegrationResponse,
    GetMethod: methods.getMethod,
    GetMethodResponse: methods.getMethodResponse,
    GetModel: models.getModel,
    GetModels: models.getModels,
    GetRequestValidator: models.getRequestValidator,
    GetRequestValidators: models.getRequestValidators,
    GetResource: paths.getResource,
    GetResources: paths.getResources,
    GetRestApi: restApis.getRestApi,
    GetRestApis: restApis.getRestApis,
    GetStage: stages.getStage,
    GetStages: stages.getStages,
    GetTags: restApis.getTags,
    GetUsagePlan: keys.getUsagePlan,
    GetUsagePlanKey: keys.getUsagePlanKey,
    GetUsagePlanKeys: keys.getUsagePlanKeys,
    GetUsagePlans: keys.getUsagePlans,
    PutGatewayResponse: gatewayResponses.putGatewayResponse,
    PutIntegration: integrations.putIntegration,
    PutIntegrationResponse: integrations.putIntegrationResponse,
    PutMethod: methods.putMethod,
    PutMethodResponse: methods.putMethodResponse,
    TagResource: restApis.tagResource,
    UntagResource: restApis.untagResource,
    UpdateAccount: restApis.updateAccount,
    UpdateApiKey: keys.updateApiKey,
    UpdateAuthorizer: authorizers.updateAuthorizer,
    UpdateDeployment: stages.updateDeployment,
    UpdateGatewayResponse: gatewayResponses.updateGatewayResponse,
    UpdateIntegration: integrations.updateIntegration,
    UpdateIntegrationResponse: integrations.updateIntegrationResponse,
    UpdateMethod: methods.updateMethod,
    UpdateMethodResponse: methods.updateMethodResponse,
    UpdateModel: models.updateModel,
    UpdateRequestValidator: models.updateRequestValidator,
    UpdateResource: paths.updateResource,
    UpdateRestApi: restApis.updateRestApi,
    UpdateStage: stages.updateStage,
    UpdateUsagePlan: keys.updateUsagePlan,
  },
  resources,
  permissions,
  unsupported: {
    CreateRestApi: ["cloneFrom", "endpointConfiguration.vpcEndpointIds", "securityPolicy", "endpointAccessMode"],
    CreateStage: ["cacheClusterSize", "documentationVersion", "canarySettings"],
    CreateDeployment: ["cacheClusterSize", "canarySettings"],
    CreateApiKey: ["generateDistinctId"],
    GetModel: ["flatten"],

    CreateAuthorizer: ["providerARNs"],
    PutMethod: ["authorizationScopes"],
    PutIntegration: ["tlsConfig", "integrationTarget"],
  },
});
