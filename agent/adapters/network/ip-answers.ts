import { z } from "zod";
import { AgentError } from "../../core/errors.ts";

const LinksSchema = z.array(
  z.object({
    ifname: z.string().optional(),
    mtu: z.number().optional(),
    addr_info: z
      .array(z.object({ local: z.string().optional(), prefixlen: z.number().optional(), scope: z.string().optional() }))
      .optional(),
  }),
);

const RoutesSchema = z.array(z.object({ dst: z.string(), dev: z.string().optional(), type: z.string().optional() }));

const RulesSchema = z.array(z.object({ dst: z.string().optional(), dstlen: z.number().optional() }));

export type Links = z.infer<typeof LinksSchema>;
export type Routes = z.infer<typeof RoutesSchema>;
export type Rules = z.infer<typeof RulesSchema>;

/** What `ip -json address show` prints. @throws {AgentError} "network.tool-answer" */
export function linksOf(json: string): Links {
  return parsed(LinksSchema, json, "addresses");
}

/** What `ip -json route show` prints. @throws {AgentError} "network.tool-answer" */
export function routesOf(json: string): Routes {
  return parsed(RoutesSchema, json, "routes");
}

/** What `ip -json rule show` prints. @throws {AgentError} "network.tool-answer" */
export function rulesOf(json: string): Rules {
  return parsed(RulesSchema, json, "rules");
}

function parsed<T>(schema: z.ZodType<T>, json: string, what: string): T {
  try {
    return schema.parse(JSON.parse(json));
  } catch (cause) {
    throw new AgentError("network.tool-answer", `ip answered something else than ${what} in JSON`, {
      retryable: true,
      cause,
    });
  }
}
