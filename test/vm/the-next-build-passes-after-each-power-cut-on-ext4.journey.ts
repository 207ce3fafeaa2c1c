import { cutThePower } from "./stage/power-cuts.ts";

cutThePower({ filesystem: "ext4", cuts: 5 });
