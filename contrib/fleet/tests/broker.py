"""A broker of Apache Kafka on this machine: fetched from Maven Central, run in KRaft mode with 512 MB."""

import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "4.1.2"  # as in pom.xml


def jars():
    """The folder with the broker's jars, fetched once into the cache."""
    cache = pathlib.Path(os.environ.get("SKB_CACHE") or pathlib.Path.home() / ".cache/skb-tools")
    cache.mkdir(parents=True, exist_ok=True)
    lib = cache / f"kafka-{VERSION}"
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not lib.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix="kafka.") as new:
                shutil.copy(HERE / "pom.xml", new)
                subprocess.run(["mvn", "-q", "-B", "-f", f"{new}/pom.xml", "dependency:copy-dependencies",
                                f"-DoutputDirectory={new}/lib", "-DincludeScope=runtime"], check=True, stdout=subprocess.DEVNULL)
                os.rename(f"{new}/lib", lib)
    return lib


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """One broker, which is its own controller. Its data stay when it is killed."""

    def __init__(self, folder):
        self.folder = folder
        self.lib = jars()
        port, control = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        (folder / "server.properties").write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{control}
listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://{self.address}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
num.partitions=3
message.max.bytes=25165824
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.hours=-1
""")
        (folder / "log.xml").write_text("""<Configuration status="warn"><Appenders><Console name="c" target="SYSTEM_ERR">
<PatternLayout pattern="%d %p %m%n"/></Console></Appenders><Loggers><Root level="warn"><AppenderRef ref="c"/></Root></Loggers>
</Configuration>""")
        self._run("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c").wait()
        self.process = None

    def _run(self, program, *args):
        with (self.folder / "broker.log").open("ab") as log:
            return subprocess.Popen(
                ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.lib}/*",
                 f"-Dlog4j2.configurationFile={self.folder}/log.xml", program, *args, f"{self.folder}/server.properties"],
                stdout=log, stderr=log)

    def start(self):
        """Starts it, and returns when it answers."""
        self.process = self._run("kafka.Kafka")
        deadline = time.monotonic() + 240
        while subprocess.run(["kcat", "-b", self.address, "-L", "-m", "2"], capture_output=True).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the broker does not come up:\n" + (self.folder / "broker.log").read_text()[-3000:])
            time.sleep(0.1)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def make_topic(self, topic):
        """This broker makes a topic when somebody asks about it."""
        deadline = time.monotonic() + 60
        while b"partition 2" not in subprocess.run(["kcat", "-b", self.address, "-L", "-t", topic], capture_output=True).stdout:
            assert time.monotonic() < deadline
            time.sleep(0.1)
