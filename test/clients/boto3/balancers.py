"""Elastic Load Balancing: a listener's real port, a real target behind it, rules, health, waiters, tags."""
import http.server
import socket
import threading

from botocore.exceptions import ClientError

from here import client, eventually, fetch, refused


class Target(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.path} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Port']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def network():
    """A VPC with two subnets; where EC2 is not there, load balancing takes names as they are."""
    ec2 = client("ec2")
    try:
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NotImplemented", error
        return "vpc-1", ["subnet-1", "subnet-2"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    return vpc, subnets


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_balancer_from_its_port_to_its_target():
    elb = client("elbv2")
    vpc, subnets = network()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (balancer,) = elb.create_load_balancer(Name="boto", Subnets=subnets, Tags=[{"Key": "team", "Value": "blue"}])["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])
    (group,) = elb.create_target_group(
        Name="boto", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2
    )["TargetGroups"]
    group = group["TargetGroupArn"]
    port = free_port()
    (listener,) = elb.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=port, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}]
    )["Listeners"]
    targets = [{"Id": "127.0.0.1", "Port": server.server_port}]
    elb.register_targets(TargetGroupArn=group, Targets=targets)
    elb.get_waiter("target_in_service").wait(TargetGroupArn=group, Targets=targets, WaiterConfig={"Delay": 1})
    (rule,) = elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/fixed/*"]}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": "tea"}}],
    )["Rules"]
    status, _, body = eventually(lambda: opened(port))
    assert (status, body.decode()) == (200, f"/a?b=c 127.0.0.1 {port}"), (status, body)
    assert fetch(f"http://127.0.0.1:{port}/fixed/1")[0] == 418
    assert [rule["Priority"] for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]] == ["1", "default"]
    (described,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    assert described["Tags"] == [{"Key": "team", "Value": "blue"}]
    refused("TargetGroupNotFound", elb.describe_target_groups, Names=["none"])
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["none"])
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group)
    elb.deregister_targets(TargetGroupArn=group, Targets=targets)
    (health,) = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert health["TargetHealth"]["State"] == "draining"
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn], WaiterConfig={"Delay": 1})
    elb.delete_target_group(TargetGroupArn=group)
    server.shutdown()


def opened(port):
    try:
        return fetch(f"http://127.0.0.1:{port}/a?b=c")
    except OSError:
        return None
