// The load generator's process: does one job after the other, and shares its event loop with nothing else.
import { liveWithParent } from "./child.js";
import { runLoad, type LoadJob } from "./load.js";

liveWithParent();
process.on("message", (job: LoadJob) => {
  void runLoad(job).then((result) => process.send?.(result));
});
