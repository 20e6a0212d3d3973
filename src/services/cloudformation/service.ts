import { defineService } from "../service.ts";

export const cloudformation = defineService<"cloudformation">({ name: "cloudformation", operations: {} });
