/** CloudFormation's types of Elastic Load Balancing. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ElasticLoadBalancingV2.html */
import type { PropertySpec, ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";

const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;
const ATTRIBUTES = [{ object: { Key: "string", Value: "string" } }] as const;
const VALUES = { object: { Values: ["string"] } } as const;

const ACTIONS: PropertySpec = [
  {
    object: {
      Type: "string",
      Order: "integer",
      TargetGroupArn: "string",
      ForwardConfig: {
        object: {
          TargetGroups: [{ object: { TargetGroupArn: "string", Weight: "integer" } }],
          TargetGroupStickinessConfig: { object: { Enabled: "boolean", DurationSeconds: "integer" } },
        },
      },
      RedirectConfig: {
        object: {
          Protocol: "string",
          Port: "string",
          Host: "string",
          Path: "string",
          Query: "string",
          StatusCode: "string",
        },
      },
      FixedResponseConfig: { object: { StatusCode: "string", ContentType: "string", MessageBody: "string" } },
    },
  },
];

const CONDITIONS: PropertySpec = [
  {
    object: {
      Field: "string",
      Values: ["string"],
      PathPatternConfig: VALUES,
      HostHeaderConfig: VALUES,
      HttpRequestMethodConfig: VALUES,
      SourceIpConfig: VALUES,
      HttpHeaderConfig: { object: { HttpHeaderName: "string", Values: ["string"] } },
      QueryStringConfig: { object: { Values: [{ object: { Key: "string", Value: "string" } }] } },
    },
  },
];

function tagsOf(context: ResourceContext, properties: ResourceProperties) {
  const own = (properties.Tags ?? []) as Array<{ Key: string; Value: string }>;
  const all = { ...context.tags, ...Object.fromEntries(own.map(({ Key, Value }) => [Key, Value])) };
  return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
}

/** Sets the tags of a resource that is there already. */
async function retag(
  context: ResourceContext,
  arn: string,
  properties: ResourceProperties,
  previous: ResourceProperties,
) {
  const kept = new Set(tagsOf(context, properties).map(({ Key }) => Key));
  const TagKeys = ((previous.Tags ?? []) as Array<{ Key: string }>)
    .map(({ Key }) => Key)
    .filter((name) => !kept.has(name));
  if (TagKeys.length > 0) await context.call("elbv2", "RemoveTags", { ResourceArns: [arn], TagKeys });
  const Tags = tagsOf(context, properties);
  if (Tags.length > 0) await context.call("elbv2", "AddTags", { ResourceArns: [arn], Tags });
}

const gone = (error: unknown): boolean => /NotFoundException$/.test((error as { code?: string }).code ?? "");

async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!gone(error)) throw error;
  }
}

const loadBalancerState = (lb: {
  LoadBalancerArn?: string | undefined;
  LoadBalancerName?: string | undefined;
  DNSName?: string | undefined;
  CanonicalHostedZoneId?: string | undefined;
  SecurityGroups?: string[] | undefined;
}) => ({
  id: lb.LoadBalancerArn!,
  attributes: {
    LoadBalancerArn: lb.LoadBalancerArn!,
    LoadBalancerName: lb.LoadBalancerName!,
    LoadBalancerFullName: lb.LoadBalancerArn!.split(":loadbalancer/")[1]!,
    DNSName: lb.DNSName!,
    CanonicalHostedZoneID: lb.CanonicalHostedZoneId!,
    SecurityGroups: lb.SecurityGroups ?? [],
  },
});

const loadBalancer: ResourceType = {
  properties: {
    Name: "string",
    Type: "string",
    Scheme: "string",
    IpAddressType: "string",
    Subnets: ["string"],
    SubnetMappings: [{ object: { SubnetId: "string" } }],
    SecurityGroups: ["string"],
    LoadBalancerAttributes: ATTRIBUTES,
    Tags: TAGS,
  },
  replacement: ["Name", "Type", "Scheme"],
  nameProperty: "Name",
  attributes: [
    "LoadBalancerArn",
    "LoadBalancerName",
    "LoadBalancerFullName",
    "DNSName",
    "CanonicalHostedZoneID",
    "SecurityGroups",
  ],
  async create(context, properties) {
    const { LoadBalancerAttributes, Tags: _, Name = context.physicalName(32), ...settings } = properties;
    const { LoadBalancers } = await context.call("elbv2", "CreateLoadBalancer", {
      ...settings,
      Name,
      Tags: tagsOf(context, properties),
    });
    const state = loadBalancerState(LoadBalancers![0]!);
    if (LoadBalancerAttributes)
      await context.call("elbv2", "ModifyLoadBalancerAttributes", {
        LoadBalancerArn: state.id,
        Attributes: LoadBalancerAttributes,
      });
    return state;
  },
  async update(context, id, properties, previous) {
    const at = { LoadBalancerArn: id };
    const { Subnets, SubnetMappings, SecurityGroups } = properties;
    if (JSON.stringify([Subnets, SubnetMappings]) !== JSON.stringify([previous.Subnets, previous.SubnetMappings]))
      await context.call("elbv2", "SetSubnets", { ...at, Subnets, SubnetMappings });
    await context.call("elbv2", "SetSecurityGroups", { ...at, SecurityGroups: SecurityGroups ?? [] });
    const Attributes = properties.LoadBalancerAttributes ?? [];
    if (Attributes.length > 0) await context.call("elbv2", "ModifyLoadBalancerAttributes", { ...at, Attributes });
    await retag(context, id, properties, previous);
    const { LoadBalancers } = await context.call("elbv2", "DescribeLoadBalancers", { LoadBalancerArns: [id] });
    return loadBalancerState(LoadBalancers![0]!);
  },
  delete: (context, id) => unlessGone(context.call("elbv2", "DeleteLoadBalancer", { LoadBalancerArn: id })),
};

const stateOfGroup = (arn: string, name: string, loadBalancers: readonly string[] = []) => ({
  id: arn,
  attributes: {
    TargetGroupArn: arn,
    TargetGroupName: name,
    TargetGroupFullName: arn.slice(arn.lastIndexOf(":") + 1),
    LoadBalancerArns: [...loadBalancers],
  },
});

type TargetProperties = { Id: string; Port?: number; AvailabilityZone?: string };
const targetName = ({ Id, Port }: TargetProperties): string => `${Id} ${Port ?? ""}`;

const targetGroup: ResourceType = {
  properties: {
    Name: "string",
    TargetType: "string",
    Protocol: "string",
    ProtocolVersion: "string",
    Port: "integer",
    VpcId: "string",
    IpAddressType: "string",
    HealthCheckEnabled: "boolean",
    HealthCheckIntervalSeconds: "integer",
    HealthCheckPath: "string",
    HealthCheckPort: "string",
    HealthCheckProtocol: "string",
    HealthCheckTimeoutSeconds: "integer",
    HealthyThresholdCount: "integer",
    UnhealthyThresholdCount: "integer",
    Matcher: { object: { HttpCode: "string" } },
    Targets: [{ object: { Id: "string", Port: "integer", AvailabilityZone: "string" } }],
    TargetGroupAttributes: ATTRIBUTES,
    Tags: TAGS,
  },
  replacement: ["Name", "TargetType", "Protocol", "ProtocolVersion", "Port", "VpcId", "IpAddressType"],
  nameProperty: "Name",
  attributes: ["TargetGroupArn", "TargetGroupName", "TargetGroupFullName", "LoadBalancerArns"],
  async create(context, properties) {
    const { TargetGroupAttributes, Targets, Tags: _, Name = context.physicalName(32), ...settings } = properties;
    const { TargetGroups } = await context.call("elbv2", "CreateTargetGroup", {
      ...settings,
      Name,
      Tags: tagsOf(context, properties),
    });
    const TargetGroupArn = TargetGroups![0]!.TargetGroupArn!;
    if (TargetGroupAttributes)
      await context.call("elbv2", "ModifyTargetGroupAttributes", { TargetGroupArn, Attributes: TargetGroupAttributes });
    if (Targets?.length) await context.call("elbv2", "RegisterTargets", { TargetGroupArn, Targets });
    return stateOfGroup(TargetGroupArn, Name);
  },
  async update(context, id, properties, previous) {
    const at = { TargetGroupArn: id };
    const health = Object.fromEntries(
      Object.entries(properties).filter(([name]) =>
        /^(?:HealthCheck|HealthyThreshold|UnhealthyThreshold|Matcher)/.test(name),
      ),
    );
    const { TargetGroups } = await context.call("elbv2", "ModifyTargetGroup", { ...at, ...health });
    const Attributes = properties.TargetGroupAttributes ?? [];
    if (Attributes.length > 0) await context.call("elbv2", "ModifyTargetGroupAttributes", { ...at, Attributes });
    const before = (previous.Targets ?? []) as TargetProperties[];
    const now = (properties.Targets ?? []) as TargetProperties[];
    const names = new Set(now.map(targetName));
    const left = before.filter((target) => !names.has(targetName(target)));
    if (left.length > 0) await context.call("elbv2", "DeregisterTargets", { ...at, Targets: left });
    if (now.length > 0) await context.call("elbv2", "RegisterTargets", { ...at, Targets: now });
    await retag(context, id, properties, previous);
    return stateOfGroup(id, TargetGroups![0]!.TargetGroupName!, TargetGroups![0]!.LoadBalancerArns);
  },
  delete: (context, id) => unlessGone(context.call("elbv2", "DeleteTargetGroup", { TargetGroupArn: id })),
};

const listener: ResourceType = {
  properties: { LoadBalancerArn: "string", Port: "integer", Protocol: "string", DefaultActions: ACTIONS },
  required: ["LoadBalancerArn", "Port", "Protocol", "DefaultActions"],
  replacement: ["LoadBalancerArn"],
  attributes: ["ListenerArn"],
  async create(context, properties) {
    const { Listeners } = await context.call("elbv2", "CreateListener", properties);
    const id = Listeners![0]!.ListenerArn!;
    return { id, attributes: { ListenerArn: id } };
  },
  async update(context, id, { Port, Protocol, DefaultActions }) {
    await context.call("elbv2", "ModifyListener", { ListenerArn: id, Port, Protocol, DefaultActions });
    return { id, attributes: { ListenerArn: id } };
  },
  delete: (context, id) => unlessGone(context.call("elbv2", "DeleteListener", { ListenerArn: id })),
};

const listenerRule: ResourceType = {
  properties: { ListenerArn: "string", Priority: "integer", Conditions: CONDITIONS, Actions: ACTIONS },
  required: ["ListenerArn", "Priority", "Conditions", "Actions"],
  replacement: ["ListenerArn"],
  attributes: ["RuleArn", "IsDefault"],
  async create(context, properties) {
    const { Rules } = await context.call("elbv2", "CreateRule", properties);
    const id = Rules![0]!.RuleArn!;
    return { id, attributes: { RuleArn: id, IsDefault: false } };
  },
  async update(context, id, { Priority, Conditions, Actions }, previous) {
    await context.call("elbv2", "ModifyRule", { RuleArn: id, Conditions, Actions });
    if (Priority !== previous.Priority)
      await context.call("elbv2", "SetRulePriorities", { RulePriorities: [{ RuleArn: id, Priority }] });
    return { id, attributes: { RuleArn: id, IsDefault: false } };
  },
  delete: (context, id) => unlessGone(context.call("elbv2", "DeleteRule", { RuleArn: id })),
};

export const resources = {
  "AWS::ElasticLoadBalancingV2::LoadBalancer": loadBalancer,
  "AWS::ElasticLoadBalancingV2::TargetGroup": targetGroup,
  "AWS::ElasticLoadBalancingV2::Listener": listener,
  "AWS::ElasticLoadBalancingV2::ListenerRule": listenerRule,
} as const;
