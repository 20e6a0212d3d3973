import { defineService } from "../service.ts";

export const iam = defineService<"iam">({ name: "iam", operations: {} });
