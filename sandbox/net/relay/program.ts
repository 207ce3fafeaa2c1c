import type { Endpoint } from "./forward.ts";
import { Forward } from "./forward.ts";

// The half of a relay that is in a namespace: node program.js '[{"from": …, "to": …}, …]'. Says "ready" when it listens everywhere, and ends
// with its stdin. Whoever starts it has made its argument.
const passages = JSON.parse(process.argv[2] ?? "[]") as readonly { readonly from: Endpoint; readonly to: Endpoint }[];
for (const { from, to } of passages) await Forward.listen(from, to);
process.stdout.write("ready\n");
process.stdin.on("end", () => process.exit(0)).resume();
