import { unitTroubles } from "../units/trouble.ts";
import { type Check, failed, ok, unknown } from "./check.ts";

const SHOWN = 3;

/** It informs: what a unit's trouble does to builds is said by the checks of what it does. */
export const units: Check = {
  name: "units",
  title: "Units of the agent",
  blocking: false,
  remedy: "systemctl list-units 'builder-agent*' buildkitd.service --all shows them",
  evidence({ units: view }) {
    if (view.at !== "seen") return [`units: ${view.at}`];
    const lately = Object.entries(view.lately).filter(([, count]) => count > 0);
    return [
      `${view.units.length} units looked at`,
      ...lately.map(([name, count]) => `${name}: started again ${count} times lately`),
      ...view.units.flatMap(({ name, dropIns }) => dropIns.map((path) => `${name}: ${path}`)),
    ];
  },
  look({ units: view, cache }) {
    switch (view.at) {
      case "unknown":
        return unknown("Not looked at yet");
      case "none":
        return ok("This machine's service manager is the agent's own launcher: there are no units");
      case "unseen":
        return unknown(`The service manager does not tell: ${view.because}`);
      case "seen": {
        const isCacheOpen = cache.at === "open";
        const troubles = view.units.flatMap((unit) =>
          unitTroubles(unit, { isCacheOpen, restartedLately: view.lately[unit.name] ?? 0 }),
        );
        const [first] = troubles;
        if (first === undefined) return ok(`${view.units.length} units are as they are made`);
        const more = troubles.length > SHOWN ? `; and ${troubles.length - SHOWN} more` : "";
        const shown = troubles.slice(0, SHOWN).map(({ what }) => what);
        return failed(`${shown.join("; ")}${more}`, { remedy: first.next });
      }
      default:
        return view satisfies never;
    }
  },
};
