import { basePrograms } from "./base-programs.mjs";
import { debianTable } from "./debian-table.mjs";
import { goTools } from "./go-tools.mjs";

/** Why a program is not found on the PATH of tests, and what to do. @param {string} name */
export function whyMissing(name) {
  const brings = [
    ...Object.entries(debianTable)
      .filter(([, { programs }]) => programs?.includes(name))
      .map(([debian]) => `Debian's package ${debian}`),
    ...Object.values(goTools)
      .filter(({ commands }) => name in commands)
      .map((tool) => `the Go module tools/${tool.name}`),
  ];
  if (brings.length > 0)
    return `${name} comes with ${brings.join(" or ")}, which no profile of this run names: tools/setup/profiles.mjs`;
  const lists = "tools/setup/debian-table.mjs, or tools/setup/base-programs.mjs if every Debian machine has it";
  if (Object.values(basePrograms).flat().includes(name))
    return `${name} is in tools/setup/base-programs.mjs, and was not found all the same`;
  return `nobody declares ${name}: name it in ${lists}`;
}
