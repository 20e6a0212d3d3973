"""CloudWatch, Cost Explorer and Budgets: metrics, math, alarms, dashboards, what was used, what may be."""
import datetime

from here import client, refused, resource

NOW = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
MINUTE = datetime.timedelta(minutes=1)


def test_metrics_are_put_found_and_summed():
    cloudwatch = client("cloudwatch")
    dimensions = [{"Name": "Host", "Value": "a b<&>"}]
    cloudwatch.put_metric_data(
        Namespace="Boto/App",
        MetricData=[
            {"MetricName": "Load", "Dimensions": dimensions, "Values": [1.5, 2.5], "Counts": [1, 3], "Unit": "Percent", "Timestamp": NOW - MINUTE},
            {"MetricName": "Load", "Dimensions": dimensions, "Value": 9, "Unit": "Percent", "Timestamp": NOW, "StorageResolution": 1},
        ],
    )
    (metric,) = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Boto/App").build_full_result()["Metrics"]
    assert metric == {"Namespace": "Boto/App", "MetricName": "Load", "Dimensions": dimensions}
    found = cloudwatch.get_metric_statistics(
        Namespace="Boto/App", MetricName="Load", Dimensions=dimensions, StartTime=NOW - MINUTE, EndTime=NOW + MINUTE, Period=60, Statistics=["Sum", "Maximum"]
    )["Datapoints"]
    assert [(one["Sum"], one["Maximum"], one["Unit"]) for one in found] == [(9.0, 2.5, "Percent"), (9.0, 9.0, "Percent")]
    queries = [
        {"Id": "load", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p90"}},
        {"Id": "twice", "Expression": "load * 2", "Label": "doubled"},
    ]
    results = cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, StartTime=NOW - MINUTE, EndTime=NOW + MINUTE).build_full_result()
    assert [(one["Label"], one["Values"]) for one in results["MetricDataResults"]] == [("Load", [9.0, 2.5]), ("doubled", [18.0, 5.0])]
    refused("InvalidParameterValue", cloudwatch.put_metric_data, Namespace="AWS/Mine", MetricData=[{"MetricName": "a", "Value": 1}])


def test_alarms_and_dashboards():
    cloudwatch = client("cloudwatch")
    alarm = dict(
        AlarmName="boto-high", Namespace="Boto/App", MetricName="Load", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=5, ComparisonOperator="GreaterThanThreshold"
    )
    cloudwatch.put_metric_alarm(**alarm, Tags=[{"Key": "team", "Value": "blue"}])
    cloudwatch.put_composite_alarm(AlarmName="boto-both", AlarmRule='ALARM("boto-high")')
    cloudwatch.set_alarm_state(AlarmName="boto-high", StateValue="ALARM", StateReason="a test")
    both = cloudwatch.describe_alarms(AlarmNames=["boto-high", "boto-both"], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert both["MetricAlarms"][0]["StateValue"] == "ALARM" and both["CompositeAlarms"][0]["StateValue"] == "ALARM"
    history = cloudwatch.describe_alarm_history(AlarmName="boto-high", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert history[0]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    cloudwatch.delete_alarms(AlarmNames=["boto-both", "boto-high"])
    refused("ResourceNotFound", cloudwatch.set_alarm_state, AlarmName="boto-high", StateValue="OK", StateReason="")
    refused("InvalidParameterInput", cloudwatch.put_dashboard, DashboardName="boto", DashboardBody="{")
    cloudwatch.put_dashboard(DashboardName="boto", DashboardBody='{"widgets":[]}')
    assert cloudwatch.get_dashboard(DashboardName="boto")["DashboardBody"] == '{"widgets":[]}'
    cloudwatch.delete_dashboards(DashboardNames=["boto"])


def test_what_was_used_is_billed():
    queue = resource("sqs").create_queue(QueueName="boto-billed", tags={"team": "bill"})
    for _ in range(3):
        queue.send_message(MessageBody="x")
    today = NOW.date()
    cost = client("ce").get_cost_and_usage(
        TimePeriod={"Start": str(today), "End": str(today + datetime.timedelta(days=1))},
        Granularity="DAILY",
        Metrics=["UnblendedCost", "UsageQuantity"],
        Filter={"Tags": {"Key": "team", "Values": ["bill"]}},
        GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
    )
    (group,) = cost["ResultsByTime"][0]["Groups"]
    assert group["Keys"] == ["Amazon Simple Queue Service", "Requests-Tier1"]
    # Its creation and three messages, at 0.40 dollars a million.
    assert group["Metrics"]["UsageQuantity"]["Amount"] == "4" and group["Metrics"]["UnblendedCost"]["Amount"] == "0.0000016"
    queue.delete()


def test_budgets():
    budgets = client("budgets")
    budget = {"BudgetName": "boto", "BudgetLimit": {"Amount": "10", "Unit": "USD"}, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
    budgets.create_budget(AccountId="000000000000", Budget=budget)
    refused("DuplicateRecordException", budgets.create_budget, AccountId="000000000000", Budget=budget)
    found = budgets.describe_budget(AccountId="000000000000", BudgetName="boto")["Budget"]
    assert found["BudgetLimit"] == {"Amount": "10", "Unit": "USD"} and float(found["CalculatedSpend"]["ActualSpend"]["Amount"]) >= 0
    budgets.delete_budget(AccountId="000000000000", BudgetName="boto")
