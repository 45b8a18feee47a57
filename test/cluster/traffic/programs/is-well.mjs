// Tells by its exit status whether the program of kind KIND is well.
import { existsSync } from "node:fs";

process.exit(existsSync(`/dev/shm/ill-${process.argv[2]}`) ? 1 : 0);
