"""ECS and the network around it, as far as it goes without a container engine: clusters, definitions, services, what scales them, what they refuse."""
from here import ACCOUNT, REGION, client, refused

DEFINITION = dict(
    family="boto-web",
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
    containerDefinitions=[
        {
            "name": "web",
            "image": "web:1",
            "essential": True,
            "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "COLOUR", "value": "blue"}],
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10},
        }
    ],
)


def network():
    """A VPC with two subnets and a security group."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "boto"}]}])["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"] for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="boto-web", Description="boto", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    return vpc, subnets, group


def test_a_network_is_made_found_and_deleted_in_order():
    ec2 = client("ec2")
    vpc, subnets, group = network()
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
    found = ec2.get_paginator("describe_subnets").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc]}]).build_full_result()["Subnets"]
    assert sorted(one["SubnetId"] for one in found) == sorted(subnets)
    (named,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["boto"]}])["Vpcs"]
    assert named["VpcId"] == vpc
    (rules,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert rules["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_security_group(GroupId=group)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])


def test_definitions_have_revisions():
    ecs = client("ecs")
    first = ecs.register_task_definition(**DEFINITION, tags=[{"key": "team", "value": "blue"}])["taskDefinition"]
    second = ecs.register_task_definition(**DEFINITION)["taskDefinition"]
    assert second["revision"] == first["revision"] + 1
    assert first["taskDefinitionArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/boto-web:{first['revision']}"
    shown = ecs.describe_task_definition(taskDefinition="boto-web", include=["TAGS"])["taskDefinition"]
    assert shown["containerDefinitions"][0]["environment"] == [{"name": "COLOUR", "value": "blue"}]
    arns = ecs.get_paginator("list_task_definitions").paginate(familyPrefix="boto-web").build_full_result()["taskDefinitionArns"]
    assert arns == [first["taskDefinitionArn"], second["taskDefinitionArn"]]
    ecs.deregister_task_definition(taskDefinition=first["taskDefinitionArn"])
    error = refused("ClientException", ecs.register_task_definition, **{**DEFINITION, "cpu": "300"})
    assert "No Fargate configuration exists for given values" in error.response["Error"]["Message"], error
    refused("NotImplemented", ecs.register_task_definition, **DEFINITION, ephemeralStorage={"sizeInGiB": 30})


def test_a_service_is_made_scaled_and_deleted():
    ecs, scaling, cloudwatch = client("ecs"), client("application-autoscaling"), client("cloudwatch")
    _, subnets, group = network()
    ecs.create_cluster(clusterName="boto", settings=[{"name": "containerInsights", "value": "enabled"}])
    ecs.register_task_definition(**DEFINITION)
    ecs.create_service(
        cluster="boto",
        serviceName="web",
        taskDefinition="boto-web",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group], "assignPublicIp": "ENABLED"}},
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}, "minimumHealthyPercent": 100, "maximumPercent": 200},
    )
    ecs.get_waiter("services_stable").wait(cluster="boto", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    target = dict(ServiceNamespace="ecs", ResourceId="service/boto/web", ScalableDimension="ecs:service:DesiredCount")
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=4)
    tracking = scaling.put_scaling_policy(
        **target,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 50, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
    )
    (high,) = [alarm["AlarmName"] for alarm in tracking["Alarms"] if "AlarmHigh" in alarm["AlarmName"]]
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[high])["MetricAlarms"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["EvaluationPeriods"], alarm["Threshold"]) == ("AWS/ECS", "CPUUtilization", 3, 50.0)
    step = scaling.put_scaling_policy(
        **target,
        PolicyName="burst",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}]},
    )["PolicyARN"]
    scaling.put_scheduled_action(**target, ScheduledActionName="morning", Schedule="cron(0 8 ? * MON-FRI *)", Timezone="Europe/Berlin", ScalableTargetAction={"MinCapacity": 2})
    (action,) = scaling.get_paginator("describe_scheduled_actions").paginate(ServiceNamespace="ecs", ResourceId="service/boto/web").build_full_result()["ScheduledActions"]
    assert (action["Timezone"], action["ScalableTargetAction"]) == ("Europe/Berlin", {"MinCapacity": 2})
    cloudwatch.put_metric_alarm(
        AlarmName="boto-burst",
        Namespace="Boto/Web",
        MetricName="Waiting",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[step],
    )
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId="service/boto/web")["ScalingPolicies"]
    assert sorted(one["PolicyName"] for one in policies) == ["burst", "cpu"]
    scaling.deregister_scalable_target(**target)
    assert cloudwatch.describe_alarms(AlarmNames=[high])["MetricAlarms"] == []
    refused("ClusterContainsServicesException", ecs.delete_cluster, cluster="boto")
    ecs.delete_service(cluster="boto", service="web", force=True)
    ecs.get_waiter("services_inactive").wait(cluster="boto", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert ecs.delete_cluster(cluster="boto")["cluster"]["status"] == "INACTIVE"


def test_what_is_not_there_says_so():
    ecs = client("ecs")
    refused("ClusterNotFoundException", ecs.list_tasks, cluster="boto-none")
    ecs.create_cluster(clusterName="boto-empty")
    refused("ServiceNotFoundException", ecs.update_service, cluster="boto-empty", service="none", desiredCount=1)
    failures = ecs.describe_services(cluster="boto-empty", services=["none"])["failures"]
    assert failures[0]["reason"] == "MISSING"
    error = refused("InvalidParameterException", ecs.stop_task, cluster="boto-empty", task="0" * 32)
    assert "The referenced task was not found." in str(error)
    ecs.delete_cluster(cluster="boto-empty")
