import type { Endpoint } from "./forward.ts";
import { Forward } from "./forward.ts";

// The half of a relay that is in a namespace. PASSAGES, made by whoever starts it, is [{"from": …, "to": …}, …]; no argument, lest those who look for
// what is left of an agent by its directory in command lines find this. Says "ready" when it listens everywhere, and ends with its stdin.
const passages = JSON.parse(process.env["PASSAGES"] ?? "[]") as readonly {
  readonly from: Endpoint;
  readonly to: Endpoint;
}[];
for (const { from, to } of passages) await Forward.listen(from, to);
process.stdout.write("ready\n");
process.stdin.on("end", () => process.exit(0)).resume();
