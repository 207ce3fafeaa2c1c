import { cutThePower } from "./stage/power-cuts.ts";

cutThePower({ filesystem: "xfs", cuts: 5 });
