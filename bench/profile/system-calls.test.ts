import { expect, it } from "vitest";
import { readStrace } from "./system-calls.js";

it("reads what strace counted, with and without errors", () => {
  const summary = `strace: Process 7 attached with 2 threads
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.060000          12      5001           sendto
 40.00    0.040000           8      5002        34 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.100000          10     10003        34 total
`;
  expect(readStrace(summary)).toEqual([
    { name: "recvfrom", calls: 5002, errors: 34 },
    { name: "sendto", calls: 5001, errors: 0 },
  ]);
});
