import { expect, it } from "vitest";
import { programEnvironment } from "../../agent/core/program-environment.ts";

it.each([
  { what: "where PATH says", path: "/opt/programs:/usr/bin", found: "/opt/programs:/usr/bin" },
  { what: "never relative to the working directory", path: ".:/usr/bin::bin", found: "/usr/bin" },
  { what: "in Debian's folders without PATH", path: undefined, found: "/usr/sbin:/usr/bin:/sbin:/bin" },
  { what: "in Debian's folders where PATH has no folder", path: ".", found: "/usr/sbin:/usr/bin:/sbin:/bin" },
])("programs that run as root are found $what, and speak English", ({ path, found }) => {
  expect(programEnvironment(path)).toEqual({ PATH: found, LC_ALL: "C" });
});
