import { defineService } from "../service.ts";

export const apigateway = defineService<"apigateway">({ name: "apigateway", operations: {} });
