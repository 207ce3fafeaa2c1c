import { eventsOf, unitsOf } from "../../../bench/start/boot/read-boot.ts";
import { type GuestBoot, guestBoot } from "../../../bench/start/guest/guest-boot.ts";
import type { Guest } from "../machine/guest.ts";

/** Where the time of a guest's present boot went, once it is ready. */
export async function toldBoot(guest: Guest): Promise<GuestBoot> {
  const run = (program: string, args: readonly string[] = []): Promise<string> =>
    guest.run([program, ...args].map(quoted).join(" "));
  const units = await unitsOf({
    async show(unit, ...names) {
      const lines = (await run("systemctl", ["show", `--property=${names.join(",")}`, unit])).split("\n");
      const told = names.map((name) => [name, valueOf(lines, name)] as const);
      return Object.fromEntries(told) as Record<(typeof names)[number], string>;
    },
  });
  const sinceMs = Math.min(...units.map(({ startedMs }) => startedMs));
  return guestBoot(units, await eventsOf({ run }, sinceMs));
}

function valueOf(lines: readonly string[], name: string): string {
  return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
