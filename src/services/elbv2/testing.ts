/** For tests of this room: a platform with load balancing, a network to stand in for EC2's, and real servers as targets. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { AwsError } from "../../kernel/errors.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { createLambda } from "../lambda/service.ts";
import { type FakePorts, fakePorts, fakeSts } from "../lambda/testing.ts";
import { defineService, type HttpResponse, type InputOf, type Service } from "../service.ts";
import type { Elbv2Ports } from "./plane/plane.ts";
import { createElbv2 } from "./service.ts";

/** `subnet-a` and `subnet-b`, each in a zone of its own. */
export const fakeEc2 = defineService<"ec2">({
  name: "ec2",
  operations: {
    DescribeSubnets: (_tx, input, context) => ({
      Subnets: (input.SubnetIds ?? []).map((SubnetId) => {
        if (!SubnetId.startsWith("subnet-"))
          throw new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${SubnetId}' does not exist`);
        return { SubnetId, VpcId: "vpc-1", AvailabilityZone: `${context.region}${SubnetId.slice(-1)}` };
      }),
    }),
  },
});

export interface Scene {
  readonly platform: TestPlatform;
  readonly lambda: FakePorts;
  /** Ports that listeners have open, with what answers there. */
  readonly ports: Map<number, Parameters<Elbv2Ports["listen"]>>;
  readonly loadBalancer: string;
  readonly dnsName: string;
  group(settings?: Partial<InputOf<"elbv2", "CreateTargetGroup">>): Promise<string>;
  listener(
    action: NonNullable<InputOf<"elbv2", "CreateListener">["DefaultActions"]>[number],
    port?: number,
  ): Promise<string>;
  /** A server on the loopback interface; closed with the scene. */
  target(handle: RequestListener): Promise<{ readonly Id: string; readonly Port: number; readonly server: Server }>;
  /** A request by the load balancer's host name. */
  ask(
    path?: string,
    options?: {
      readonly method?: string;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      readonly sourceIp?: string;
    },
  ): Promise<HttpResponse & { readonly text: string }>;
  /** Waits until a target is in this state. */
  until(group: string, state: string): Promise<void>;
  health(group: string): Promise<string[]>;
}

const TURNS_MAX = 100_000;

export async function withLoadBalancer(run: (scene: Scene) => Promise<void>): Promise<void> {
  const ports: Scene["ports"] = new Map();
  const servers: Server[] = [];
  const lambda = fakePorts();
  const elbv2 = createElbv2({
    async listen(...given) {
      if (given[0] < 1024) throw new Error("permission denied");
      ports.set(given[0], given);
      return { close: async () => void ports.delete(given[0]) };
    },
  });
  const services = [elbv2, fakeEc2, createLambda(lambda), fakeSts] as unknown as Service[];
  const platform = await openTestPlatform({ services });
  try {
    const { LoadBalancers } = await platform.call("elbv2", "CreateLoadBalancer", {
      Name: "web",
      Subnets: ["subnet-a", "subnet-b"],
    });
    const { LoadBalancerArn, DNSName } = LoadBalancers![0]!;
    const front = elbv2.fronts![0]!;
    let groups = 0;
    const health = async (TargetGroupArn: string) => {
      const { TargetHealthDescriptions } = await platform.call("elbv2", "DescribeTargetHealth", { TargetGroupArn });
      return TargetHealthDescriptions!.map(({ TargetHealth }) => TargetHealth!.State!);
    };
    await run({
      platform,
      lambda,
      ports,
      loadBalancer: LoadBalancerArn!,
      dnsName: DNSName!,
      health,
      async group(settings = {}) {
        const { TargetGroups } = await platform.call("elbv2", "CreateTargetGroup", {
          Name: `group-${++groups}`,
          TargetType: "ip",
          ...(settings.TargetType === "lambda" ? {} : { Protocol: "HTTP", Port: 80, VpcId: "vpc-1" }),
          ...settings,
        });
        return TargetGroups![0]!.TargetGroupArn!;
      },
      async listener(action, Port = 80) {
        const { Listeners } = await platform.call("elbv2", "CreateListener", {
          LoadBalancerArn,
          Protocol: "HTTP",
          Port,
          DefaultActions: [action],
        });
        return Listeners![0]!.ListenerArn!;
      },
      async target(handle) {
        const server = createServer(handle);
        servers.push(server);
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        return { Id: "127.0.0.1", Port: (server.address() as AddressInfo).port, server };
      },
      async ask(path = "/", { method = "GET", headers = {}, body = "", sourceIp = "203.0.113.7" } = {}) {
        const [head = "/", query = ""] = path.split("?");
        const all: Record<string, string> = {
          host: DNSName!,
          ...headers,
          ...(body && { "content-length": String(body.length) }),
        };
        const response = await front.handle(
          platform.flow({ principal: { type: "anonymous" } }),
          {
            method,
            path: head,
            query,
            headers: all,
            rawHeaders: Object.entries(all),
            host: all["host"]!,
            sourceIp,
            protocol: "HTTP/1.1",
            body: Readable.from([body]),
            readBody: async (bytesMax, tooLarge) => {
              if (body.length > bytesMax) throw tooLarge!();
              return Buffer.from(body);
            },
            signerOfForm() {
              throw new Error("this is no form");
            },
          },
          front.host!.exec(DNSName!)!.groups!,
        );
        const chunks: Buffer[] = [];
        if (response.body instanceof Readable) for await (const chunk of response.body) chunks.push(chunk as Buffer);
        else chunks.push(Buffer.from((response.body ?? "") as string));
        return { ...response, text: Buffer.concat(chunks).toString() };
      },
      async until(group, state) {
        for (let turn = 0; turn < TURNS_MAX; turn++) {
          if ((await health(group)).some((each) => each === state)) return;
          await new Promise(setImmediate);
        }
        throw new Error(`no target of ${group} became ${state}`);
      },
    });
  } finally {
    await platform.close();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}
