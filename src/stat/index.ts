// What `mesh stat` asks and shows.
export { showStat, watchStat, type StatQuestion } from "./show.js";
