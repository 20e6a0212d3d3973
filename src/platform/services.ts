/** Every service that Virga lists. */
import type { Measurements } from "../kernel/measurements.ts";
import { createApigateway } from "../services/apigateway/service.ts";
import type { ApigatewayPorts } from "../services/apigateway-common/ports.ts";
import { createApigatewayv2 } from "../services/apigatewayv2/service.ts";
import { applicationautoscaling } from "../services/applicationautoscaling/service.ts";
import { budgets } from "../services/budgets/service.ts";
import { ce } from "../services/ce/service.ts";
import { createCloudformation } from "../services/cloudformation/service.ts";
import { createCloudwatch } from "../services/cloudwatch/service.ts";
import { dynamodb } from "../services/dynamodb/service.ts";
import { streams } from "../services/dynamodb/streams/reading.ts";
import { createDynamodbstreams } from "../services/dynamodbstreams/service.ts";
import { ec2 } from "../services/ec2/service.ts";
import type { EcsPorts } from "../services/ecs/ports.ts";
import { createEcs } from "../services/ecs/service.ts";
import { createElbv2, type Elbv2Ports } from "../services/elbv2/service.ts";
import { createEvents } from "../services/events/service.ts";
import { accountOfAccessKey } from "../services/iam/credentials.ts";
import { iam } from "../services/iam/service.ts";
import type { LambdaPorts } from "../services/lambda/ports.ts";
import { createLambda } from "../services/lambda/service.ts";
import { logs } from "../services/logs/service.ts";
import { s3 } from "../services/s3/service.ts";
import { createScheduler } from "../services/scheduler/service.ts";
import { secretsmanager } from "../services/secretsmanager/service.ts";
import type { Service } from "../services/service.ts";
import { createSes, type Relay } from "../services/ses/service.ts";
import { createSesv2 } from "../services/sesv2/service.ts";
import { createSns, type SnsPorts } from "../services/sns/service.ts";
import { sqs } from "../services/sqs/service.ts";
import { ssm } from "../services/ssm/service.ts";
import { createSts } from "../services/sts/service.ts";
import { createXray } from "../services/xray/service.ts";
import type { ShapeLibrary } from "../wire/shapes.ts";
import type { Spans } from "./spans.ts";
import { universalCalls } from "./universal-calls.ts";

/** What services need of the outside world. */
export interface ServicePorts {
  readonly apigateway: ApigatewayPorts;
  readonly elbv2: Elbv2Ports;
  readonly ecs: EcsPorts;
  readonly lambda: LambdaPorts;
  readonly sns: SnsPorts;
  /** The shapes of every operation, read when they are first needed. */
  readonly shapes: () => ShapeLibrary;
  /** Signed requests from known keys only, and policies enforced. */
  readonly authRequired: boolean;
  /** Virga's own metrics, for CloudWatch to take. */
  readonly measurements: Measurements;
  /** What happened of late, for X-Ray to tell. */
  readonly spans: Spans;
  /** How long CreateStack and its like wait for the stack before they answer; absent: not at all. */
  readonly stackPatienceMs?: number;
  /** Where accepted mail is handed on; absent: it stays in the mailbox. */
  readonly relay?: Relay;
}

export function createServices(ports: ServicePorts): readonly Service[] {
  const httpApis = createApigatewayv2(ports.apigateway);
  const services: readonly Service[] = [
    createApigateway(ports.apigateway, httpApis.plane),
    httpApis.service,
    applicationautoscaling,
    budgets,
    ce,
    createCloudwatch(ports.measurements),
    dynamodb,
    createDynamodbstreams(streams),
    createElbv2(ports.elbv2),
    ec2,
    createEcs(ports.ecs),
    createEvents(),
    iam,
    createLambda(ports.lambda),
    logs,
    s3,
    createScheduler(universalCalls(ports.shapes, (service, operation) => hasOperation(all, service, operation))),
    secretsmanager,
    createSes({ authRequired: ports.authRequired, relay: ports.relay }),
    createSesv2({ relayed: ports.relay !== undefined }),
    createSns(ports.sns),
    sqs,
    ssm,
    createSts({ authRequired: ports.authRequired, accountOfAccessKey }),
    createXray(ports.spans),
  ] as unknown as readonly Service[];
  const all: readonly Service[] = [...services, withTemplates(services, ports.stackPatienceMs ?? 0)];
  return all;
}

const hasOperation = (services: readonly Service[], name: string, operation: string): boolean => {
  const service = services.find((one) => one.name === name);
  return Object.hasOwn(service?.operations ?? {}, operation) || Object.hasOwn(service?.flows ?? {}, operation);
};

/** CloudFormation over the resource types of the other services. */
export function withTemplates(services: readonly Service[], patienceMs = 0): Service {
  const types = new Map(services.flatMap((service) => Object.entries(service.resources ?? {})));
  const operations = new Map(services.map((service) => [service.name as string, service.operations as object]));
  return createCloudformation({
    patienceMs,
    resourceTypes: () => types,
    isOperation: (service, operation) => Object.hasOwn(operations.get(service) ?? {}, operation),
  }) as unknown as Service;
}
