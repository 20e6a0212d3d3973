/** Every service that Virga lists. */
import { apigateway } from "../services/apigateway/service.ts";
import { apigatewayv2 } from "../services/apigatewayv2/service.ts";
import { cloudformation } from "../services/cloudformation/service.ts";
import { dynamodb } from "../services/dynamodb/service.ts";
import { iam } from "../services/iam/service.ts";
import type { LambdaPorts } from "../services/lambda/ports.ts";
import { createLambda } from "../services/lambda/service.ts";
import { logs } from "../services/logs/service.ts";
import { s3 } from "../services/s3/service.ts";
import type { Service } from "../services/service.ts";
import { ses } from "../services/ses/service.ts";
import { sesv2 } from "../services/sesv2/service.ts";
import { sqs } from "../services/sqs/service.ts";
import { sts } from "../services/sts/service.ts";

/** What services need of the outside world. */
export interface ServicePorts {
  readonly lambda: LambdaPorts;
}

export function createServices(ports: ServicePorts): readonly Service[] {
  return [
    apigateway,
    apigatewayv2,
    cloudformation,
    dynamodb,
    iam,
    createLambda(ports.lambda),
    logs,
    s3,
    ses,
    sesv2,
    sqs,
    sts,
  ] as unknown as readonly Service[];
}
