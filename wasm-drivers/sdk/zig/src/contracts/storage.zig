//! Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.
//!
//! Storage: Buckets, and the objects in them.

const types = @import("../types.zig");

/// The family's name in descriptions and calls.
pub const family = "storage";

/// The family's operations.
pub const Op = enum {
    /// List the account's buckets.
    list_buckets,
    /// Look a bucket up by its name.
    get_bucket,
    /// Create a bucket. One that exists already is an already_exists error, one's own too.
    create_bucket,
    /// Delete an empty bucket. One that is not empty is a conflict.
    delete_bucket,
    /// List a bucket's objects, by the bytes of their names.
    list_objects,
    /// Look an object up: its size, type, checksums and metadata, not its body.
    get_object,
    /// Open an object's body, whole or a range, as a stream.
    read_object,
    /// Write an object from a stream, whole or not at all. One that is there already is replaced.
    put_object,
    /// Copy an object inside the provider, with its type and metadata.
    copy_object,
    /// Delete an object. One that is not there is a not_found error where the provider can tell, else nothing.
    delete_object,
    /// Delete many objects of a bucket in as few requests as the provider has. Names that are not there count as deleted.
    delete_objects,
    /// Make a URL with which anyone can get or put an object until it expires.
    presign_object,
    /// Say the object's public URL. It works for those who may read the object.
    get_object_url,
    /// Replace an object's metadata and content type, keeping its body.
    update_object,
    /// Begin an object that is written in parts. Nothing of it can be read before it is completed, and what has come of it waits until it is completed or aborted.
    create_multipart_upload,
    /// Write one part of an upload, in any order and many at a time. One of that number that is there already is replaced.
    upload_part,
    /// List the parts of an upload that are there, by number.
    list_parts,
    /// Make the object of the parts given. One that is there already is replaced. The upload is gone then.
    complete_multipart_upload,
    /// Give an upload up and delete its parts.
    abort_multipart_upload,
    /// List the uploads of a bucket that are neither completed nor aborted, in no particular order.
    list_multipart_uploads,
    /// Call the provider's own API: what the portable operations lack. A policy that allows only reading allows it for what reads.
    native,
    /// Call what the provider's own API answers with in pages, one item a page. Only for what reads.
    native_pages,
};

/// What each operation takes, and what it answers with.
pub const operations = [_]types.Operation{
    .{ .name = "list_buckets", .shape = .list, .In = ListBuckets, .Out = Bucket },
    .{ .name = "get_bucket", .shape = .call, .In = GetBucket, .Out = Bucket },
    .{ .name = "create_bucket", .shape = .call, .In = CreateBucket, .Out = Bucket },
    .{ .name = "delete_bucket", .shape = .do, .In = DeleteBucket, .Out = void },
    .{ .name = "list_objects", .shape = .list, .In = ListObjects, .Out = Object },
    .{ .name = "get_object", .shape = .call, .In = GetObject, .Out = Object },
    .{ .name = "read_object", .shape = .call, .In = ReadObject, .Out = Download },
    .{ .name = "put_object", .shape = .call, .In = PutObject, .Out = Object },
    .{ .name = "copy_object", .shape = .call, .In = CopyObject, .Out = Object },
    .{ .name = "delete_object", .shape = .do, .In = DeleteObject, .Out = void },
    .{ .name = "delete_objects", .shape = .call, .In = DeleteObjects, .Out = Deleted },
    .{ .name = "presign_object", .shape = .call, .In = PresignObject, .Out = URL },
    .{ .name = "get_object_url", .shape = .call, .In = GetObjectURL, .Out = URL },
    .{ .name = "update_object", .shape = .call, .In = UpdateObject, .Out = Object },
    .{ .name = "create_multipart_upload", .shape = .call, .In = CreateMultipartUpload, .Out = Upload },
    .{ .name = "upload_part", .shape = .call, .In = UploadPart, .Out = Part },
    .{ .name = "list_parts", .shape = .list, .In = ListParts, .Out = Part },
    .{ .name = "complete_multipart_upload", .shape = .call, .In = CompleteMultipartUpload, .Out = Object },
    .{ .name = "abort_multipart_upload", .shape = .do, .In = AbortMultipartUpload, .Out = void },
    .{ .name = "list_multipart_uploads", .shape = .list, .In = ListMultipartUploads, .Out = Upload },
    .{ .name = "native", .shape = .call, .In = Call, .Out = Answer },
    .{ .name = "native_pages", .shape = .list, .In = Pages, .Out = Answer },
};

pub const Bucket = struct {
    /// Its name.
    name: []const u8,
    /// Where it is; empty if the provider does not say.
    location: []const u8 = "",
    /// When it was made; unset if the provider does not say.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_buckets takes.
pub const ListBuckets = struct {
    /// Only the bucket of this name.
    name: []const u8 = "",
};

/// What get_bucket takes.
pub const GetBucket = struct {
    /// The bucket.
    bucket: []const u8,
};

/// What create_bucket takes.
pub const CreateBucket = struct {
    /// What to call it; at most providers unique in the world.
    name: []const u8,
    /// Where; the connection's region if not given.
    location: []const u8 = "",
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What delete_bucket takes.
pub const DeleteBucket = struct {
    /// The bucket.
    bucket: []const u8,
};

pub const Object = struct {
    /// The bucket it is in.
    bucket: []const u8 = "",
    /// Its name in the bucket.
    name: []const u8,
    /// The length of its body. In bytes.
    size: i64 = 0,
    /// The MIME type; empty in lists of providers that leave it out.
    content_type: []const u8 = "",
    /// Changes whenever the body does; not a checksum.
    etag: []const u8 = "",
    /// Of the body, in hex, as far as the provider keeps them: md5, sha256, sha1, crc32, crc32c, crc64nvme.
    checksums: types.Map([]const u8) = .{},
    /// Its own metadata; names are lower case. Empty in lists of providers that leave it out.
    metadata: types.Map([]const u8) = .{},
    /// The provider's word; empty if it has none.
    storage_class: []const u8 = "",
    /// When it was written.
    last_modified: ?types.Time = null,
    /// Not an object but what several names have in common, in a list with a delimiter.
    is_prefix: bool = false,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What list_objects takes.
pub const ListObjects = struct {
    /// The bucket.
    bucket: []const u8,
    /// Only names that begin with it.
    prefix: []const u8 = "",
    /// Names that agree up to this after the prefix are given once, as a prefix: "/" lists like a folder.
    delimiter: []const u8 = "",
};

/// What get_object takes.
pub const GetObject = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
};

pub const Download = struct {
    /// The object, its size that of the whole.
    object: Object,
    /// The bytes. An error of kind internal at its end means that they were damaged.
    body: ?types.Body = null,
};

/// What read_object takes.
pub const ReadObject = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
    /// Where to begin. Beyond the end is an invalid_argument error, unless the object is empty and offset 0. In bytes.
    offset: i64 = 0,
    /// How much at most; to the end if not given. In bytes.
    length: i64 = 0,
    /// Only if the object still has this etag; else a conflict.
    if_etag: []const u8 = "",
};

/// What put_object takes.
pub const PutObject = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
    /// The bytes: a stream, a string or bytes.
    body: types.Body,
    /// How many there are, if known beforehand. A body of another length is an invalid_argument error, and nothing is written. In bytes.
    size: ?i64 = null,
    /// The MIME type; application/octet-stream if not given.
    content_type: []const u8 = "",
    /// Its own metadata; names are lower case.
    metadata: types.Map([]const u8) = .{},
    /// The provider's word; its default if not given.
    storage_class: []const u8 = "",
    /// Only if there is no such object; else an already_exists error.
    if_absent: bool = false,
    /// What the provider takes beyond these: see its page.
    extra: types.Map(types.Any) = .{},
};

/// What copy_object takes.
pub const CopyObject = struct {
    /// The bucket it is in.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
    /// The bucket of the copy; the same if not given.
    to_bucket: []const u8 = "",
    /// The name of the copy; the same if not given.
    to_name: []const u8 = "",
    /// The copy's metadata, if it shall not be the object's.
    metadata: types.Map([]const u8) = .{},
};

/// What delete_object takes.
pub const DeleteObject = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
};

pub const Deleted = struct {
    /// How many are gone.
    count: i64 = 0,
    /// Those that are still there, and why.
    failed: []const DeletionFailed = &.{},
};

/// What delete_objects takes.
pub const DeleteObjects = struct {
    /// The bucket.
    bucket: []const u8,
    /// The objects' names, as many as you like.
    names: []const []const u8,
};

pub const URL = struct {
    /// The address.
    url: []const u8 = "",
    /// The HTTP method to use it with.
    method: ?Method = null,
    /// What must be sent with it.
    headers: types.Map([]const u8) = .{},
    /// When it stops working; unset if never.
    expires_at: ?types.Time = null,
};

/// What presign_object takes.
pub const PresignObject = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name; for put it need not exist.
    name: []const u8,
    /// What it is for.
    method: Method = .get,
    /// How long it works. In s.
    expires: i64 = 3600,
    /// For put: the type that must be sent with it.
    content_type: []const u8 = "",
};

/// What get_object_url takes.
pub const GetObjectURL = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
};

/// What update_object takes.
pub const UpdateObject = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
    /// All the metadata it shall have.
    metadata: types.Map([]const u8) = .{},
    /// The MIME type it shall have; as it is if not given.
    content_type: []const u8 = "",
};

pub const Upload = struct {
    /// The bucket it is for.
    bucket: []const u8 = "",
    /// The name that the object will have.
    name: []const u8 = "",
    /// What tells it from other uploads, of the same name too.
    id: []const u8,
    /// What a part must have at least, but for the last one. Where it is max_part_size too, all parts but the last have just that. In bytes.
    min_part_size: i64 = 0,
    /// What a part can have at most; 0 is any size. In bytes.
    max_part_size: i64 = 0,
    /// How many parts there can be, and the highest number; 0 is any number.
    max_parts: i64 = 0,
    /// When it was begun; unset if the provider does not say.
    created_at: ?types.Time = null,
    /// What the provider has beyond these fields, in its own names.
    extra: types.Map(types.Any) = .{},
};

/// What create_multipart_upload takes.
pub const CreateMultipartUpload = struct {
    /// The bucket.
    bucket: []const u8,
    /// The object's name.
    name: []const u8,
    /// How long the object will be, if known: some providers choose sizes by it. In bytes.
    size: ?i64 = null,
    /// The MIME type; application/octet-stream if not given.
    content_type: []const u8 = "",
    /// Its own metadata; names are lower case.
    metadata: types.Map([]const u8) = .{},
    /// The provider's word; its default if not given.
    storage_class: []const u8 = "",
    /// What the provider takes beyond these, as put_object does.
    extra: types.Map(types.Any) = .{},
};

pub const Part = struct {
    /// The upload it is of.
    upload: []const u8 = "",
    /// Its place, from 1.
    number: i64,
    /// How long it is. In bytes.
    size: i64 = 0,
    /// Changes whenever the part does.
    etag: []const u8 = "",
    /// Of the part, in hex, as far as the provider keeps them: md5, sha256, sha1, crc32, crc32c, crc64nvme.
    checksums: types.Map([]const u8) = .{},
    /// When it was written; unset if the provider does not say.
    last_modified: ?types.Time = null,
};

/// What upload_part takes.
pub const UploadPart = struct {
    /// The bucket.
    bucket: []const u8,
    /// The name that the object will have.
    name: []const u8,
    /// The upload.
    upload: []const u8,
    /// The part's place, from 1. Parts are joined by number, without gaps.
    number: i64,
    /// The bytes: a stream, a string or bytes. What can be sought in is read twice where that saves memory.
    body: types.Body,
    /// How many there are, if known beforehand. A body of another length is an invalid_argument error, and nothing is written. In bytes.
    size: ?i64 = null,
};

/// What list_parts takes.
pub const ListParts = struct {
    /// The bucket.
    bucket: []const u8,
    /// The name that the object will have.
    name: []const u8,
    /// The upload.
    upload: []const u8,
};

/// What complete_multipart_upload takes.
pub const CompleteMultipartUpload = struct {
    /// The bucket.
    bucket: []const u8,
    /// The name that the object will have.
    name: []const u8,
    /// The upload.
    upload: []const u8,
    /// The parts, from number 1 without gaps, as upload_part or list_parts gave them. One that is not there as given is an invalid_argument error; what is there beyond them is dropped.
    parts: []const Part,
    /// Of the whole body, in hex, as far as known: the provider compares those that it can, and an object that is not as they say is an error of kind internal.
    checksums: types.Map([]const u8) = .{},
    /// Only if there is no such object; else an already_exists error.
    if_absent: bool = false,
};

/// What abort_multipart_upload takes.
pub const AbortMultipartUpload = struct {
    /// The bucket.
    bucket: []const u8,
    /// The name that the object would have had.
    name: []const u8,
    /// The upload. One that is not there is a not_found error where the provider can tell.
    upload: []const u8,
};

/// What list_multipart_uploads takes.
pub const ListMultipartUploads = struct {
    /// The bucket.
    bucket: []const u8,
    /// Only those for names that begin with it.
    prefix: []const u8 = "",
};

pub const Answer = struct {
    /// The answer in the provider's own names; None if it has no body.
    value: types.Any = .{},
};

/// What native takes.
pub const Call = struct {
    /// What to call, in the provider's words: an operation's name, or a method and a path; see the provider's page.
    operation: []const u8,
    /// Its arguments, in the provider's words. They may stand by themselves: native("DescribeVpcs", MaxResults = 5). REST: query, headers and body.
    arguments: types.Map(types.Any) = .{},
};

/// What native_pages takes.
pub const Pages = struct {
    /// What to call, as for native.
    operation: []const u8,
    /// Its arguments, as for native.
    arguments: types.Map(types.Any) = .{},
};

pub const DeletionFailed = struct {
    /// The object's name.
    name: []const u8 = "",
    /// The kind of error.
    kind: ?types.Kind = null,
    /// The provider's words.
    message: []const u8 = "",
};

pub const Method = enum {
    get,
    put,
};
