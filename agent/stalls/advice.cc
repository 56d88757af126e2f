// SPDX-License-Identifier: Apache-2.0
#include "stalls/advice.h"

#include <array>
#include <cstdint>

namespace loopstall::stalls {
namespace {

using stacks::Attribution;
using stacks::Frame;
using stacks::Origin;
using stacks::Stack;

constexpr Causes kCpu = on(Cause::cpu) | on(Cause::gc);
constexpr Causes kSleep = on(Cause::sleep);
constexpr Causes kNetwork = on(Cause::network);
constexpr Causes kFile = on(Cause::file);
constexpr Causes kLock = on(Cause::lock);
// What a client library may be found in while its server takes its time: pymongo waits on a lock
// for its monitor threads, retries sleep, others talk through pipes.
constexpr Causes kWaits = kNetwork | kSleep | kLock | on(Cause::pipe) | on(Cause::other);
constexpr Causes kChild = on(Cause::process) | on(Cause::pipe) | kSleep | on(Cause::other);

// What a called library tells. `{function}` stands for the blamed function.
struct LibraryRow {
  Origin origin;              // stdlib, or well_known for any installed package
  std::string_view file;      // label of a file ("subprocess.py") or a package ("requests/")
  std::string_view function;  // qualified name; empty: any
  Causes causes;
  std::string_view text;
};

constexpr Origin kInstalled = Origin::well_known;

constexpr auto kLibraryRows = std::to_array<LibraryRow>({
    // HTTP.
    {kInstalled, "requests/", "", kWaits,
     "{function} calls requests, which holds the loop until the server has answered. Use "
     "httpx.AsyncClient or aiohttp and await it, or call it with asyncio.to_thread."},
    {kInstalled, "boto3/", "", kWaits | kFile,
     "{function} calls boto3, which holds the loop until AWS has answered. Use aioboto3 (or "
     "aiobotocore) and await it, or call it with asyncio.to_thread."},
    {kInstalled, "botocore/", "", kWaits | kFile,
     "{function} calls boto3 (botocore), which holds the loop until AWS has answered. Use "
     "aioboto3 (or aiobotocore) and await it, or call it with asyncio.to_thread."},
    {kInstalled, "elasticsearch/", "", kWaits,
     "{function} calls the synchronous Elasticsearch client. Use AsyncElasticsearch of the same "
     "package and await it."},
    {kInstalled, "opensearchpy/", "", kWaits,
     "{function} calls the synchronous OpenSearch client. Use AsyncOpenSearch of the same package "
     "and await it."},
    {kInstalled, "elastic_transport/", "", kWaits,
     "{function} calls the synchronous Elasticsearch client. Use AsyncElasticsearch of the same "
     "package and await it."},
    {kInstalled, "httpx/", "", kWaits,
     "{function} calls httpx's synchronous client, which holds the loop until the server has "
     "answered. Use httpx.AsyncClient and await it."},
    {kInstalled, "openai/", "", kWaits,
     "{function} calls the synchronous OpenAI client. Use AsyncOpenAI of the same package and "
     "await it."},
    {kInstalled, "urllib3/", "", kWaits,
     "{function} calls urllib3, which holds the loop until the server has answered. Use "
     "httpx.AsyncClient or aiohttp and await it, or call it with asyncio.to_thread."},
    {Origin::stdlib, "urllib/request.py", "", kWaits,
     "{function} calls urllib.request, which holds the loop until the server has answered. Use "
     "httpx.AsyncClient or aiohttp and await it, or call it with asyncio.to_thread."},
    {Origin::stdlib, "http/client.py", "", kWaits,
     "{function} calls http.client, which holds the loop until the server has answered. Use "
     "httpx.AsyncClient or aiohttp and await it, or call it with asyncio.to_thread."},
    {Origin::stdlib, "smtplib.py", "", kWaits,
     "{function} sends mail with smtplib, which holds the loop until the server has answered. Use "
     "aiosmtplib, or call it with asyncio.to_thread."},
    // Databases, caches and brokers.
    {kInstalled, "sqlalchemy/", "", kWaits | kFile,
     "{function} runs a query through SQLAlchemy's synchronous engine. Use create_async_engine "
     "with an async driver (asyncpg, aiomysql) and await it, or call it with asyncio.to_thread."},
    {kInstalled, "psycopg2/", "", kWaits,
     "{function} runs a query with psycopg2, which holds the loop until PostgreSQL has answered. "
     "Use asyncpg or psycopg 3's AsyncConnection and await it; aiopg does that with psycopg2 "
     "itself."},
    {kInstalled, "psycopg/", "", kWaits,
     "{function} runs a query with psycopg's synchronous Connection. Use its AsyncConnection and "
     "await it."},
    {kInstalled, "pymongo/", "", kWaits,
     "{function} calls pymongo, which holds the loop until MongoDB has answered. Use motor, or "
     "pymongo's AsyncMongoClient (4.9 and later), and await it."},
    {kInstalled, "redis/", "", kWaits,
     "{function} calls redis-py's synchronous client. Use redis.asyncio of the same package and "
     "await it."},
    {kInstalled, "pymysql/", "", kWaits,
     "{function} runs a query with PyMySQL, which holds the loop until the server has answered. "
     "Use aiomysql or asyncmy and await it."},
    {kInstalled, "MySQLdb/", "", kWaits,
     "{function} runs a query with mysqlclient, which holds the loop until the server has "
     "answered. Use aiomysql or asyncmy and await it."},
    {kInstalled, "mysql/", "", kWaits,
     "{function} runs a query with mysql-connector, which holds the loop until the server has "
     "answered. Use mysql.connector.aio, aiomysql or asyncmy and await it."},
    {kInstalled, "kafka/", "", kWaits,
     "{function} calls kafka-python, which holds the loop until the broker has answered. Use "
     "aiokafka and await it."},
    {kInstalled, "confluent_kafka/", "", kWaits,
     "{function} waits for confluent-kafka. Use its AIOProducer or aiokafka, or poll it in a "
     "thread of its own."},
    {kInstalled, "pika/", "", kWaits,
     "{function} calls pika's blocking connection. Use aio-pika and await it."},
    {kInstalled, "kombu/", "", kWaits,
     "{function} talks to the broker through kombu (Celery's delay and apply_async do so), which "
     "has no async form. Call it with asyncio.to_thread, or move the job to arq."},
    {kInstalled, "celery/", "", kWaits,
     "{function} waits for Celery, which has no async form. Call it with asyncio.to_thread and do "
     "not wait for a task's result on the loop, or move the job to arq."},
    {kInstalled, "rq/", "", kWaits,
     "{function} puts a job into RQ, which talks to Redis on the loop's thread. Use arq, which has "
     "the same jobs with await, or call it with asyncio.to_thread."},
    {kInstalled, "pymemcache/", "", kWaits,
     "{function} calls pymemcache. Use aiomcache and await it, or call it with asyncio.to_thread."},
    {kInstalled, "grpc/", "", kWaits,
     "{function} makes a synchronous gRPC call. Use grpc.aio of the same package and await it."},
    {kInstalled, "paramiko/", "", kWaits,
     "{function} works over SSH with paramiko. Use asyncssh, or call it with asyncio.to_thread."},
    {kInstalled, "django/db/", "", kWaits,
     "{function} runs a query through Django's synchronous ORM. Use its async methods (aget, "
     "acreate, async for) or sync_to_async."},
    // The standard library's own waits.
    {Origin::stdlib, "socket.py", "getaddrinfo", kWaits | kFile,
     "{function} resolves a host name with socket.getaddrinfo. Use loop.getaddrinfo and await it."},
    {Origin::stdlib, "subprocess.py", "", kChild,
     "{function} waits for a child process through subprocess. Use "
     "asyncio.create_subprocess_exec and await it."},
    {Origin::stdlib, "multiprocessing/", "", kChild | kLock | kNetwork,
     "{function} waits for a process of multiprocessing. Use loop.run_in_executor with a "
     "ProcessPoolExecutor and await it."},
    {Origin::stdlib, "concurrent/futures/thread.py", "ThreadPoolExecutor.submit", kLock | kSleep,
     "{function} hands work to a thread pool, which starts a thread for it and waits until it "
     "runs. "
     "Let the pool start its threads before the service serves; if this lasts, no CPU is free or "
     "another thread keeps the GIL."},
    {Origin::stdlib, "concurrent/futures/", "", kLock | kSleep,
     "{function} waits for the result of a concurrent future. Await asyncio.wrap_future(future) "
     "or loop.run_in_executor instead of calling result()."},
    {Origin::stdlib, "queue.py", "", kLock | kSleep,
     "{function} waits on a queue.Queue. Use asyncio.Queue, or hand items over with "
     "loop.call_soon_threadsafe."},
    {Origin::stdlib, "logging/", "", kLock | kFile | kNetwork | on(Cause::pipe),
     "{function} waits for a logging handler. Log through a QueueHandler with a QueueListener, so "
     "that a thread does the writing."},
    {Origin::stdlib, "threading.py", "", kLock | kSleep,
     "{function} waits for another thread. Use asyncio's Lock, Event, Condition or Semaphore, or "
     "wait in a thread with asyncio.to_thread."},
    {Origin::stdlib, "shutil.py", "", kFile | kCpu,
     "{function} copies or removes files with shutil. Call it with asyncio.to_thread."},
    {Origin::stdlib, "tempfile.py", "", kFile,
     "{function} works on temporary files. Use aiofiles or call it with asyncio.to_thread."},
    {Origin::stdlib, "pathlib.py", "", kFile,
     "{function} reads or writes a file through pathlib. Use aiofiles or call it with "
     "asyncio.to_thread."},
    // Computing. A thread helps only where the C code releases the GIL meanwhile.
    {Origin::stdlib, "json/", "", kCpu,
     "{function} parses or writes a large JSON document. Use orjson, which is several times "
     "faster, limit the size of the body, or move it to a process pool; json keeps the GIL, so a "
     "thread helps little."},
    {kInstalled, "simplejson/", "", kCpu,
     "{function} parses or writes a large JSON document. Use orjson, which is several times "
     "faster, or move it to a process pool."},
    {kInstalled, "PIL/", "", kCpu,
     "{function} processes an image with Pillow on the loop's thread. Run it in a process pool "
     "with loop.run_in_executor; Pillow releases the GIL in most of its work, so "
     "asyncio.to_thread helps too."},
    {kInstalled, "bcrypt/", "", kCpu,
     "{function} hashes a password with bcrypt, which is slow by design. It releases the GIL, so "
     "call it with asyncio.to_thread, or use a process pool."},
    {kInstalled, "passlib/", "", kCpu,
     "{function} hashes a password with passlib, which is slow by design. Call it with "
     "asyncio.to_thread, or use a process pool."},
    {kInstalled, "argon2/", "", kCpu,
     "{function} hashes a password with argon2, which is slow by design. It releases the GIL, so "
     "call it with asyncio.to_thread."},
    {kInstalled, "jwt/", "", kCpu,
     "{function} signs or verifies a token on the loop's thread. Cache what was verified, choose "
     "a faster algorithm, or call it with asyncio.to_thread."},
    {Origin::stdlib, "hashlib.py", "", kCpu,
     "{function} hashes much data with hashlib. It releases the GIL for large buffers, so call it "
     "with asyncio.to_thread."},
    {Origin::stdlib, "gzip.py", "", kCpu,
     "{function} compresses with gzip on the loop's thread. zlib releases the GIL, so call it "
     "with asyncio.to_thread, or use a process pool."},
    {Origin::stdlib, "zipfile.py", "", kCpu | kFile,
     "{function} works on a zip file on the loop's thread. zlib releases the GIL, so call it with "
     "asyncio.to_thread, or use a process pool."},
    {Origin::stdlib, "tarfile.py", "", kCpu | kFile,
     "{function} works on a tar file on the loop's thread. Call it with asyncio.to_thread, or use "
     "a process pool."},
    {Origin::stdlib, "bz2.py", "", kCpu,
     "{function} compresses with bz2 on the loop's thread. It releases the GIL, so call it with "
     "asyncio.to_thread, or use a process pool."},
    {Origin::stdlib, "lzma.py", "", kCpu,
     "{function} compresses with lzma on the loop's thread. It releases the GIL, so call it with "
     "asyncio.to_thread, or use a process pool."},
    {Origin::stdlib, "copy.py", "", kCpu,
     "{function} copies a large structure with copy.deepcopy. Copy only what changes, or make the "
     "structure immutable and share it."},
    {Origin::stdlib, "re/", "", kCpu,
     "{function} spends long in regular expressions. Bound the input and look for backtracking "
     "patterns; re keeps the GIL, so only a process pool takes it off the loop."},
    {Origin::stdlib, "csv.py", "", kCpu,
     "{function} reads or writes a large CSV document. Work in chunks with an await between, or "
     "use a process pool."},
    {kInstalled, "yaml/", "", kCpu,
     "{function} parses YAML in Python. Use yaml.CSafeLoader, parse once and keep the result, or "
     "use a process pool."},
    {kInstalled, "pandas/", "", kCpu,
     "{function} works on a data frame on the loop's thread. Run it in a process pool with "
     "loop.run_in_executor."},
    {kInstalled, "numpy/", "", kCpu,
     "{function} computes with numpy on the loop's thread. Much of it releases the GIL, so call "
     "it with asyncio.to_thread, or use a process pool."},
    {kInstalled, "sklearn/", "", kCpu,
     "{function} runs a model on the loop's thread. Run it in a process pool or in a service of "
     "its own."},
    {kInstalled, "torch/", "", kCpu,
     "{function} runs a model on the loop's thread. Call it with asyncio.to_thread (torch "
     "releases the GIL), or in a service of its own."},
    {kInstalled, "bs4/", "", kCpu,
     "{function} parses a document on the loop's thread. Use lxml or selectolax, or a process "
     "pool."},
    {kInstalled, "lxml/", "", kCpu,
     "{function} parses a document on the loop's thread. Call it with asyncio.to_thread, or use a "
     "process pool."},
    {kInstalled, "jinja2/", "", kCpu,
     "{function} renders a large template on the loop's thread. Render less at once, cache the "
     "result, or use a process pool."},
    {kInstalled, "fastapi/encoders.py", "", kCpu,
     "{function} turns a large response into JSON through fastapi's jsonable_encoder. Return a "
     "Response with bytes made by orjson, or send the answer in pages."},
    {kInstalled, "fastapi/routing.py", "serialize_response", kCpu,
     "{function} validates and serialises a large response. Return a Response directly, or send "
     "the answer in pages."},
    {kInstalled, "pydantic/", "", kCpu,
     "{function} validates a large structure with pydantic. Send less at once, use pydantic 2 if "
     "it is 1 (it is many times faster), or validate in a process pool."},
    {Origin::stdlib, "<frozen importlib._bootstrap>", "", kCpu | kFile,
     "{function} imports a module while it serves. Import it at the top of the file, so that it "
     "is loaded at start."},
});

// What cause and system call tell where no called library is on the stack.
struct CauseRow {
  Causes causes;
  std::string_view syscall;  // empty: any
  std::string_view text;
};

constexpr auto kCauseRows = std::to_array<CauseRow>({
    {kSleep, "",
     "{function} calls time.sleep or another wait without a descriptor, which stops every other "
     "request. Use await asyncio.sleep, or call it with asyncio.to_thread."},
    {kNetwork, "connect",
     "{function} connects a blocking socket. Use asyncio.open_connection or the async form of the "
     "client."},
    {kNetwork, "poll",
     "{function} waits for a server through a client written in C or with a timeout (psycopg2, "
     "mysqlclient and libcurl wait so). Use its async form: asyncpg or psycopg 3's "
     "AsyncConnection, aiomysql, httpx.AsyncClient."},
    {kNetwork, "ppoll",
     "{function} waits for a server through a client written in C or with a timeout (psycopg2, "
     "mysqlclient and libcurl wait so). Use its async form: asyncpg or psycopg 3's "
     "AsyncConnection, aiomysql, httpx.AsyncClient."},
    {kNetwork, "epoll_wait",
     "{function} waits in an event loop of a library's own (psycopg 3, gRPC and kafka-python have "
     "one). Use its async form: AsyncConnection, grpc.aio, aiokafka."},
    {kNetwork, "epoll_pwait",
     "{function} waits in an event loop of a library's own (psycopg 3, gRPC and kafka-python have "
     "one). Use its async form: AsyncConnection, grpc.aio, aiokafka."},
    {kNetwork, "",
     "{function} waits on a blocking socket. Use an async client (httpx or aiohttp for HTTP, "
     "asyncpg or psycopg 3's AsyncConnection, aiomysql, redis.asyncio, motor), or call it with "
     "asyncio.to_thread."},
    {kFile, "fsync",
     "{function} waits until written data is on the disk (fsync). Call it with asyncio.to_thread, "
     "and sync once for many writes."},
    {kFile, "fdatasync",
     "{function} waits until written data is on the disk (fdatasync). Call it with "
     "asyncio.to_thread, and sync once for many writes."},
    {kFile, "flock",
     "{function} waits for a file lock that another process holds. Take it in a thread with "
     "asyncio.to_thread, or try it without waiting."},
    {kFile, "write",
     "{function} waits for the disk while it writes a file. Use aiofiles or call it with "
     "asyncio.to_thread."},
    {kFile, "",
     "{function} waits for the disk or file system. Read and write files with aiofiles or call "
     "it with asyncio.to_thread."},
    {on(Cause::pipe), "",
     "{function} waits on a pipe or terminal, often of a child process. Use "
     "asyncio.create_subprocess_exec for children, and a thread or a queue for slow writers and "
     "readers."},
    {kLock, "",
     "{function} waits for a lock or a thread. Use asyncio's Lock, Event or Queue on the loop, "
     "hold thread locks only shortly, or wait with asyncio.to_thread."},
    {on(Cause::gil), "",
     "{function} kept the GIL, in another thread, while the loop waited for it. Threads cannot "
     "help here: move that work to a process pool (ProcessPoolExecutor)."},
    {on(Cause::process), "",
     "{function} waits for a child process to end. Use asyncio.create_subprocess_exec and await "
     "it."},
    {on(Cause::pagefault), "",
     "{function} touches memory that must first be read from disk: a cold mmap, swapped pages or "
     "reclaim. Read mapped files in a thread, load them at start, or give the container more "
     "memory."},
    {on(Cause::runqueue), "",
     "The loop was ready to run, but no CPU was free: the machine held it, not the code. "
     "Raise the container's CPU request, look for its neighbours, and run fewer busy threads "
     "beside the loop."},
    {on(Cause::throttled), "",
     "The loop was ready to run, but its container's CPU quota was used up. Raise the CPU limit "
     "or drop it, and run fewer busy threads beside the loop."},
    {on(Cause::stopped), "",
     "The process was stopped: by a signal, a debugger or a freezer. The code is not at fault."},
    {on(Cause::gc), "",
     "Python's cyclic collector held the loop, whoever happened to allocate. Call gc.freeze after "
     "start, raise gc.set_threshold, or make fewer long-lived objects that it must visit."},
    {kCpu, "read",
     "{function} copies much file data that is in memory already. Read it in a thread with "
     "asyncio.to_thread or aiofiles, or send it in chunks."},
    {kCpu, "pread64",
     "{function} copies much file data that is in memory already. Read it in a thread with "
     "asyncio.to_thread or aiofiles, or send it in chunks."},
    {kCpu, "write",
     "{function} copies much data into a file or pipe. Write it in a thread with "
     "asyncio.to_thread or aiofiles, or in chunks."},
    {kCpu, "",
     "{function} computes for long on the loop's thread. Move it to a process pool with "
     "loop.run_in_executor, use asyncio.to_thread where the C code releases the GIL (compression, "
     "hashing, images), or split it with an await between the parts. A pool as large as the CPUs "
     "that "
     "the container has is enough, and so are as many workers."},
    {on(Cause::other), "",
     "{function} waits in a system call that loopstall has no name for. Look at its stack, and "
     "call it with asyncio.to_thread."},
});

bool is_within(std::string_view label, std::string_view file) {
  return file.ends_with('/') ? label.starts_with(file) : label == file;
}

// Before CPython 3.11 a frame has its plain name alone.
bool is_named(std::string_view function, std::string_view wanted) {
  return function == wanted || (!function.empty() && wanted.ends_with(function) &&
                                wanted[wanted.size() - function.size() - 1] == '.');
}

bool matches(const OwnAdviceRow& row, const Frame& frame, Cause cause) {
  if (row.causes != 0 && (row.causes & on(cause)) == 0) return false;
  if (!row.library.empty() && !is_within(frame.file, row.library)) return false;
  return row.function.empty() || is_named(frame.function, row.function);
}

bool matches(const LibraryRow& row, const Frame& frame, Cause cause) {
  if ((row.causes & on(cause)) == 0) return false;
  const bool installed = frame.origin == Origin::well_known || frame.origin == Origin::third_party;
  if (row.origin == Origin::stdlib ? frame.origin != Origin::stdlib : !installed) return false;
  // Frozen modules have no label of their own but their name.
  if (!is_within(frame.file, row.file) && frame.path != row.file) return false;
  return row.function.empty() || is_named(frame.function, row.function);
}

/// The text of the first row that fits one of the frames.
template <typename Rows>
std::string_view text_for_frame(const Rows& rows, const Frame& frame, Cause cause) {
  for (const auto& row : rows) {
    if (matches(row, frame, cause)) return row.text;
  }
  return {};
}

// The frames that the blamed one called, and itself where a library's function is blamed; without
// a blamed frame, all.
template <typename Rows>
std::string_view text_for_stack(const Rows& rows, const Stack& stack,
                                const Attribution& attribution, Cause cause) {
  std::size_t end = stack.frames.size();
  if (attribution.culprit && *attribution.culprit < end) end = *attribution.culprit + 1;
  for (std::size_t i = end; i-- > 0;) {
    const std::string_view text = text_for_frame(rows, stack.frames[i], cause);
    if (!text.empty()) return text;
  }
  return {};
}

std::string_view text_for_cause(Cause cause, std::string_view syscall) {
  for (const CauseRow& row : kCauseRows) {
    const bool fits = row.syscall.empty() || row.syscall == syscall;
    if (fits && (row.causes & on(cause)) != 0) return row.text;
  }
  return {};
}

// Reserved names read badly in a sentence.
std::string_view subject(const Attribution& attribution) {
  if (attribution.function == stacks::kFramework) return "The framework";
  if (attribution.function == stacks::kGenerated) return "Generated code";
  if (attribution.function.empty() || attribution.function.starts_with('~')) return "Some code";
  return attribution.function;
}

std::string filled(std::string_view text, std::string_view function) {
  constexpr std::string_view kPlace = "{function}";
  std::string sentence(text);
  const std::size_t at = sentence.find(kPlace);
  if (at != std::string::npos) sentence.replace(at, kPlace.size(), function);
  return sentence;
}

}  // namespace

std::string advice_for(const Stack& stack, const Attribution& attribution, Cause cause,
                       std::string_view syscall, const OwnAdvice& own) {
  std::string_view text = text_for_stack(own, stack, attribution, cause);
  if (text.empty()) text = text_for_stack(kLibraryRows, stack, attribution, cause);
  if (text.empty()) text = text_for_cause(cause, syscall);
  return filled(text, subject(attribution));
}

}  // namespace loopstall::stalls
