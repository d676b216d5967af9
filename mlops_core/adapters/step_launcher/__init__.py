"""Steps on Databricks: `UnityCatalogStepLauncher` and the protocol between the Dagster host and the cluster.

Host and cluster share nothing but a Unity Catalog volume. The host reaches it through the Files API, the cluster as a
folder. Everything on it is a whole file with a name of its own: a file on a volume appears when its writer closes it,
so a reader sees a file completely or not at all, and neither appending nor renaming is atomic there.

    <volume>/code/<sha256>.zip              host     the packages as the host's process loaded them; once per content of
                                                     their files. The cluster removes one that is damaged
    <volume>/code/<sha256>.json             host     written last: this code is staged, how long it is, where its main
                                                     file is, and on which day it was last used
    <volume>/code/clock-<id>                host     removed at once: only what it is dated says what time it is there
    <volume>/runs/<Dagster run>/            one folder per Dagster run, removed when the run has ended
      lease                                 host     rewritten while a step is followed; removed to end what still runs
      stop                                  host     the Dagster run has ended: idle workers remove what they read and
                                                     wrote, which costs no call there, and leave
      databricks_runs/<name>                host     the Databricks run of a worker, or of an attempt that has its own;
                                                     there an idle worker notes that it has left, and the host that it
                                                     lost one, or ended it for the sake of which step
      workers/<name>-g<generation>          cluster  this worker is up, and takes requests
      requests/<step>__a<attempt>           host     a JSON line (which worker, versions, environment, imports, secret
                                                     references), then the pickled StepRunRef with the data versions of
                                                     upstream assets, which the cluster removes when it has begun
      requests/<step>__a<attempt>@<worker>  host     the same attempt is for this worker now: the first had left
      steps/<step>/a<attempt>/
        begun                               cluster  written before anything of this attempt runs
        m-00001.json.gz, m-00002...         cluster  Dagster events as JSON, stdout and stderr; the last one has `done`
        ended                               cluster  nothing of this attempt runs any more; the type of its final event
        cancel                              host     stop this attempt, or do not begin it
        infrastructure                      host     this attempt was lost with its cluster: it counts as no retry of
                                                     the asset's own policy

The rules that make it survive:

- *One Databricks run per worker without a lock.* Every step that needs the worker submits it with the same idempotency
  token, so that all of them get the same Databricks run. A worker whose run has ended gets the next generation.
- *An attempt says that it has begun before user code starts*, and looks for `cancel` after that. One that has not begun
  did nothing; when its Databricks run has ended, and that worker had come up, it is given to another one, at most
  twice. One that had `cancel` before it began does nothing.
- *Clocks of two machines are never compared*: files say what came first, and times are of one machine each.
- *A file that is half written or foreign is named in a warning*, and stops nothing else: its lease is removed.
- *A request is written once.* A host that finds the request of its attempt was there before: it reattaches, replays
  every message, and stores only the events that the run's log does not have yet.
- *A step that has ended in its Dagster run is not sent again*, also when what it staged is gone: a host that executes a
  whole run, and was lost while it tore it down, is followed by one that begins with the first step.
- *The final Dagster event decides.* The state of the Databricks run is asked for only when messages fail to come.
- *Only what is the step's own is stored*: events of its run, and of its op's assets and checks, each once, none after
  the final one, in messages of a bounded size. Anything else fails the step, by the name of the file.
- *A retry waits until the previous attempt is dead*, by its `ended` file or by the end of its Databricks run, and
  takes over its result when that attempt had succeeded before its host was lost. A run that repeats another one waits
  until nothing of that runs.
- *Steps of one worker live and die apart.* One that fails on the host is cancelled alone; the worker is ended under the
  others only when an attempt does not end, and then they count it as lost infrastructure.
- *An ended run ends its steps*: a host that goes on, for whoever ended its run could not reach it, looks at the run's
  status before it sends a step and every few seconds while it follows one, and cancels the Databricks run.
- *A message is written again as it was*: a write that failed may have landed, and been read.
- *A lease ends a cluster that nobody follows*: not renewed for `lease_s`, or removed, the process on the cluster ends.

Pickles travel only from the host to the cluster (Dagster's StepRunRef has no other form), so the volume must be
writable by the pipeline's identity alone. What comes back is JSON. In paths, a step's key has its brackets as their
numbers (`f[a]` is `f=5b=a=5d=`), so that no two keys share a folder.

This module imports nothing: the cluster compares versions before anything of Dagster is loaded.
"""
