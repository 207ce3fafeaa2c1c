import { z } from "zod";
import { Forward } from "./forward.ts";

// The half of a relay that is in a namespace. PASSAGES, made by whoever starts it, is [{"from": …,
// "to": …}, …]; no argument, lest those who look for what is left of an agent by its directory in
// command lines find this. Says "ready" when it listens everywhere, and ends with its stdin.
const endpoint = z.union([z.object({ path: z.string() }), z.object({ host: z.string(), port: z.number() })]);
const shape = z.array(z.object({ from: endpoint, to: endpoint }));

for (const { from, to } of shape.parse(JSON.parse(process.env["PASSAGES"] ?? "[]"))) await Forward.listen(from, to);
process.stdout.write("ready\n");
process.stdin.on("end", () => process.exit(0)).resume();
