/**
 * AWS Cost Explorer, over Virga's own usage ledger and a dated price list (`src/metering/`): what was used, what that costs on AWS, and what it will.
 * Costs are of AWS's prices without discounts, so that unblended, blended and amortized costs are the same.
 */
import { defineService, type Service } from "../service.ts";
import { getCostAndUsage, getCostAndUsageWithResources } from "./costs.ts";
import { getDimensionValues, getTags } from "./dimensions.ts";
import { getCostForecast } from "./forecast.ts";
import { LEDGER_ROLL_UP, rollUp, rollUpAtStart } from "./roll-up.ts";

export const ce: Service<"ce"> = defineService<"ce">({
  name: "ce",
  operations: {
    GetCostAndUsage: getCostAndUsage,
    GetCostAndUsageWithResources: getCostAndUsageWithResources,
    GetCostForecast: getCostForecast,
    GetDimensionValues: getDimensionValues,
    GetTags: getTags,
  },
  unsupported: {
    GetCostAndUsage: ["BillingViewArn", "NextPageToken", "Filter.CostCategories"],
    GetCostAndUsageWithResources: ["BillingViewArn", "NextPageToken", "Filter.CostCategories"],
    GetCostForecast: ["BillingViewArn", "PredictionIntervalLevel", "Filter.CostCategories"],
    GetDimensionValues: ["BillingViewArn", "NextPageToken", "MaxResults", "SortBy[]", "Filter.CostCategories"],
    GetTags: ["BillingViewArn", "NextPageToken", "MaxResults", "SortBy[]", "Filter.CostCategories"],
  },
  hears: { [LEDGER_ROLL_UP]: { operation: rollUp, untraced: true } },
  start: rollUpAtStart,
});
