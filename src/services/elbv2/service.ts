/**
 * Elastic Load Balancing: application load balancers.
 *
 * `state.ts` says what is kept; `load-balancers.ts`, `listeners.ts`, `listener-rules.ts`, `target-groups.ts`, `targets.ts` and `tags.ts` hold the operations,
 * `actions.ts` and `conditions.ts` what rules are made of, `attributes.ts` what may be set. What really listens and forwards is in `plane/`.
 */
import { defineService, type Operations, type Service } from "../service.ts";
import * as rules from "./listener-rules.ts";
import * as listeners from "./listeners.ts";
import * as loadBalancers from "./load-balancers.ts";
import { createPlane, type Elbv2Ports, type Plane } from "./plane/plane.ts";
import { resources } from "./resources.ts";
import * as tags from "./tags.ts";
import * as groups from "./target-groups.ts";
import {
  DRAINED,
  type Drained,
  deregisterTargets,
  describeTargetHealth,
  endDraining,
  registerTargets,
} from "./targets.ts";

export type { Elbv2Ports } from "./plane/plane.ts";

type Table = Operations<"elbv2">;

/** What changes how requests are served tells the plane, once it is durable. */
function telling(plane: Plane, table: Table): Table {
  const entries = Object.entries(table as Record<string, (tx: any, input: any, context: any) => unknown>);
  return Object.fromEntries(
    entries.map(([name, operation]) => [
      name,
      (tx: any, input: any, context: any) => {
        tx.afterCommit(plane.changed);
        return operation(tx, input, context);
      },
    ]),
  ) as Table;
}

/** What an encrypted listener needs; there are no certificates here. */
const ENCRYPTION = ["AlpnPolicy[]", "Certificates[]", "MutualAuthentication", "SslPolicy"] as const;

const signIn = (actions: string): readonly string[] =>
  ["AuthenticateCognitoConfig", "AuthenticateOidcConfig", "JwtValidationConfig"].map((name) => `${actions}[].${name}`);

export function createElbv2(ports: Elbv2Ports): Service<"elbv2"> {
  const plane = createPlane(ports);
  return defineService<"elbv2">({
    name: "elbv2",
    operations: {
      AddTags: tags.addTags,
      RemoveTags: tags.removeTags,
      DescribeTags: tags.describeTags,
      CreateLoadBalancer: loadBalancers.createLoadBalancer,
      DescribeLoadBalancers: loadBalancers.describeLoadBalancers,
      DescribeLoadBalancerAttributes: loadBalancers.describeLoadBalancerAttributes,
      SetSecurityGroups: loadBalancers.setSecurityGroups,
      SetSubnets: loadBalancers.setSubnets,
      CreateTargetGroup: groups.createTargetGroup,
      DescribeTargetGroups: groups.describeTargetGroups,
      DescribeTargetGroupAttributes: groups.describeTargetGroupAttributes,
      DeleteTargetGroup: groups.deleteTargetGroup,
      DescribeTargetHealth: describeTargetHealth(plane.book),
      DescribeListeners: listeners.describeListeners,
      DescribeRules: rules.describeRules,
      ...telling(plane, {
        DeleteLoadBalancer: loadBalancers.deleteLoadBalancer,
        ModifyLoadBalancerAttributes: loadBalancers.modifyLoadBalancerAttributes,
        ModifyTargetGroup: groups.modifyTargetGroup,
        ModifyTargetGroupAttributes: groups.modifyTargetGroupAttributes,
        RegisterTargets: registerTargets,
        DeregisterTargets: deregisterTargets,
        CreateListener: listeners.createListener,
        ModifyListener: listeners.modifyListener,
        DeleteListener: listeners.deleteListener,
        CreateRule: rules.createRule,
        ModifyRule: rules.modifyRule,
        DeleteRule: rules.deleteRule,
        SetRulePriorities: rules.setRulePriorities,
      }),
    },
    unsupported: {
      CreateLoadBalancer: [
        "CustomerOwnedIpv4Pool",
        "EnablePrefixForIpv6SourceNat",
        "IpamPools",
        "SubnetMappings[].AllocationId",
        "SubnetMappings[].PrivateIPv4Address",
        "SubnetMappings[].IPv6Address",
        "SubnetMappings[].SourceNatIpv6Prefix",
      ],
      SetSubnets: [
        "EnablePrefixForIpv6SourceNat",
        "IpAddressType",
        "SubnetMappings[].AllocationId",
        "SubnetMappings[].PrivateIPv4Address",
        "SubnetMappings[].IPv6Address",
        "SubnetMappings[].SourceNatIpv6Prefix",
      ],
      SetSecurityGroups: ["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"],
      CreateListener: [...ENCRYPTION, ...signIn("DefaultActions")],
      ModifyListener: [...ENCRYPTION, ...signIn("DefaultActions")],
      CreateRule: ["Transforms[]", ...signIn("Actions")],
      ModifyRule: ["ResetTransforms", "Transforms[]", ...signIn("Actions")],
      RegisterTargets: ["Targets[].QuicServerId"],
      DeregisterTargets: ["Targets[].QuicServerId"],
      DescribeTargetHealth: ["Include[]", "Targets[].QuicServerId"],
      CreateTargetGroup: ["TargetControlPort"],
    },
    hears: {
      [loadBalancers.HOUR_OVER]: { operation: loadBalancers.hourOver, untraced: true },
      [DRAINED]: {
        operation: (tx, detail: Drained, context) => {
          endDraining(tx, detail, context);
          tx.afterCommit(plane.changed);
        },
      },
    },
    resources,
    fronts: [
      {
        name: "elb",
        host: /^(?<label>[a-z0-9-]+)\.[a-z0-9-]+\.elb\.localhost$/i,
        handle: (flow, request, groups) => plane.serve(flow, request, groups["label"]!.toLowerCase()),
      },
    ],
    start: plane.open,
  });
}
